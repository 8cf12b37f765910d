using TokenOperator.Providers.Documents;

namespace TokenOperator.Providers.Checks;

/// <summary>What a step of a check can do to the account.</summary>
public enum CheckRisk
{
    /// <summary>It sends no secret.</summary>
    None,

    /// <summary>It sends secrets to the provider, which may count failed attempts.</summary>
    SendsSecrets,

    /// <summary>It uses the refresh token, which the provider can replace. The new one is written to the token file.</summary>
    ReplacesToken,

    /// <summary>It can end the grant, so that the account must consent again. Nothing but a typed answer allows it.</summary>
    CanEndGrant,
}

/// <summary>What a check can do, in this order.</summary>
public enum CheckStep
{
    /// <summary>Reads the discovery document.</summary>
    ReadDiscovery,

    /// <summary>Sends a refresh token that nobody issued.</summary>
    SendWrongToken,

    /// <summary>Sends the same with other client authentications.</summary>
    TryAuthentications,

    /// <summary>Refreshes.</summary>
    Refresh,

    /// <summary>Refreshes once more, with the newest refresh token.</summary>
    RefreshAgain,

    /// <summary>Sends a refresh token that was replaced.</summary>
    Replay,
}

/// <summary>A step that a check takes.</summary>
/// <param name="Step">The step.</param>
/// <param name="Purpose">What it finds out: a clause after "to find out".</param>
/// <param name="Risk">What it can do to the account.</param>
public sealed record PlannedStep(CheckStep Step, string Purpose, CheckRisk Risk);

/// <summary>Which steps a check takes.</summary>
public static class CheckPlan
{
    /// <summary>The steps, in their order. <see cref="CheckStep.Replay"/> is left out later if the refresh token did not change.</summary>
    /// <param name="provider">The provider.</param>
    /// <param name="hasClient">True if the person offers a client.</param>
    /// <param name="hasToken">True if the person offers an account.</param>
    public static IReadOnlyList<PlannedStep> Of(ProviderDocument provider, bool hasClient, bool hasToken)
    {
        ArgumentNullException.ThrowIfNull(provider);
        var steps = new List<PlannedStep>();
        if (provider.DiscoveryEndpoint is not null)
            steps.Add(new(CheckStep.ReadDiscovery, "what the provider publishes about itself", CheckRisk.None));
        if (!hasClient || provider.Refresh.UsesAccessToken)
            return steps;
        steps.Add(new(CheckStep.SendWrongToken, "what the provider calls a refresh token that does not work", CheckRisk.SendsSecrets));
        if (provider.ClientAuthentication.Method is ClientAuthenticationMethod.Post or ClientAuthenticationMethod.Basic)
            steps.Add(new(CheckStep.TryAuthentications, "which client authentication the provider refuses", CheckRisk.SendsSecrets));
        if (!hasToken)
            return steps;
        steps.Add(new(CheckStep.Refresh, "how long access tokens live, and whether the refresh token changes", CheckRisk.ReplacesToken));
        steps.Add(new(CheckStep.RefreshAgain, "whether the refresh token changes each time", CheckRisk.ReplacesToken));
        steps.Add(new(CheckStep.Replay, "whether a replaced refresh token still works, and whether its use ends the grant", CheckRisk.CanEndGrant));
        return steps;
    }

    /// <summary>The client authentications to try beside that of the document.</summary>
    public static IReadOnlyList<ClientAuthentication> Alternatives(ClientAuthentication own)
    {
        ArgumentNullException.ThrowIfNull(own);
        return
        [
            .. new[]
            {
                new ClientAuthentication { Method = ClientAuthenticationMethod.Post },
                new ClientAuthentication { Method = ClientAuthenticationMethod.Basic, EncodesBasic = own.EncodesBasic },
                new ClientAuthentication { Method = ClientAuthenticationMethod.None },
            }.Where(other => other.Method != own.Method),
        ];
    }
}
