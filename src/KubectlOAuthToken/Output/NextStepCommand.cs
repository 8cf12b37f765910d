using KubeRuntime;
using TokenOperator.Api;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;

namespace KubectlOAuthToken.Output;

/// <summary>The command that fixes the problem behind a reason, ready to paste into a shell.</summary>
internal static class NextStepCommand
{
    /// <summary>The next step, or null if no action is needed.</summary>
    public static string? For(string reason, V1Beta1OAuthToken token, bool needsHuman)
    {
        var where = $"{DisplayText.ShellWord(token.Metadata.Name)} -n {token.Metadata.NamespaceProperty}";
        // The table has neither the plugin's own reasons nor those of a later version of the operator.
        var remedy = reason is TokenStatus.RefreshOverdue or TokenStatus.SpecNotSeen or TokenStatus.BeingDeleted ? ReasonRemedy.Diagnose : ReasonInfo.Find(reason)?.Remedy ?? ReasonRemedy.ReadLogs;
        return remedy switch
        {
            ReasonRemedy.None => null,
            ReasonRemedy.KeepRow => $"to keep the row and delete the object at once, run: {ConditionMessages.RetainCommand(token.Key())}",
            ReasonRemedy.Resume => $"kubectl oauthtoken resume {where}",
            // Nobody consents to the other grants.
            ReasonRemedy.Authorize when token.Spec?.Grant is { } grant && grant != Grant.RefreshToken.Instance.Name => $"fix what the message names, then run: kubectl oauthtoken refresh {where} --wait",
            ReasonRemedy.Authorize => $"kubectl oauthtoken authorize {where}",
            ReasonRemedy.Seed when reason == Reasons.SeedMissing => $"kubectl oauthtoken authorize {where}, or with a token file: kubectl oauthtoken seed {where} --from-file token.json",
            ReasonRemedy.Seed => $"kubectl oauthtoken seed {where} --from-file token.json",
            ReasonRemedy.Diagnose => $"kubectl oauthtoken doctor -n {token.Metadata.NamespaceProperty}",
            ReasonRemedy.FixThenRefresh => $"fix what the message names, then run: kubectl oauthtoken refresh {where} --wait",
            ReasonRemedy.AllowAccount when token.Spec is { Provider: { } provider, Account: { } account } =>
                $"an administrator runs: token-operator accounts allow {DisplayText.ShellWord(provider)} {DisplayText.ShellWord(account)} --namespace {token.Metadata.NamespaceProperty}",
            _ when needsHuman => "fix what the message names; the operator retries automatically",
            _ => $"kubectl oauthtoken logs {where}",
        };
    }
}
