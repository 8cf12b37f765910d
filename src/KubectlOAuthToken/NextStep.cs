using TokenOperator.Api;
using TokenOperator.Core.Text;

namespace KubectlOAuthToken;

/// <summary>For each reason the command that helps, ready to be copied into a shell.</summary>
internal static class NextStep
{
    /// <summary>The next step, or null when there is nothing to do.</summary>
    public static string? For(string reason, V1Alpha1OAuthToken token, bool needsHuman)
    {
        var where = $"{DisplayText.ShellWord(token.Metadata.Name)} -n {token.Metadata.NamespaceProperty}";
        return reason switch
        {
            Reasons.Refreshed => null,
            Reasons.Suspended => $"kubectl oauthtoken resume {where}",
            Reasons.ReauthorizationRequired or Reasons.SessionPolicyReauth or Reasons.ScopesMissing => $"kubectl oauthtoken authorize {where}",
            Reasons.SeedMissing or Reasons.SeedInvalid =>
                $"kubectl oauthtoken seed {where} --from-file token.json",
            Reasons.Pending or Reasons.TokenExpired or "RefreshOverdue" or "SpecNotSeen" => $"kubectl oauthtoken doctor -n {token.Metadata.NamespaceProperty}",
            Reasons.AdminPolicyBlocked or Reasons.RequestRejected or Reasons.ClientRejected => $"mend what the message names, then: kubectl oauthtoken refresh {where} --wait",
            Reasons.AccountNotAllowed when token.Spec is { Provider: { } provider, Account: { } account } =>
                $"an administrator: token-operator accounts allow {DisplayText.ShellWord(provider)} {DisplayText.ShellWord(account)} --namespace {token.Metadata.NamespaceProperty}",
            _ when needsHuman => "mend what the message names; the operator sees it by itself",
            _ => $"kubectl oauthtoken logs {where}",
        };
    }
}
