using TokenOperator.Api;
using TokenOperator.Core.Text;

namespace KubectlOAuthToken.Output;

/// <summary>The command that fixes the problem behind a reason, ready to paste into a shell.</summary>
internal static class NextStepCommand
{
    /// <summary>The next step, or null if no action is needed.</summary>
    public static string? For(string reason, V1Alpha1OAuthToken token, bool needsHuman)
    {
        var where = $"{DisplayText.ShellWord(token.Metadata.Name)} -n {token.Metadata.NamespaceProperty}";
        return reason switch
        {
            Reasons.Refreshed => null,
            Reasons.Suspended => $"kubectl oauthtoken resume {where}",
            Reasons.ReauthorizationRequired or Reasons.SessionPolicyReauth or Reasons.ScopesMissing => $"kubectl oauthtoken authorize {where}",
            Reasons.SeedMissing or Reasons.SeedInvalid => $"kubectl oauthtoken seed {where} --from-file token.json",
            Reasons.Pending or Reasons.TokenExpired or TokenStatus.RefreshOverdue or TokenStatus.SpecNotSeen => $"kubectl oauthtoken doctor -n {token.Metadata.NamespaceProperty}",
            Reasons.AdminPolicyBlocked or Reasons.RequestRejected or Reasons.ClientRejected => $"fix what the message names, then run: kubectl oauthtoken refresh {where} --wait",
            Reasons.AccountNotAllowed when token.Spec is { Provider: { } provider, Account: { } account } =>
                $"an administrator runs: token-operator accounts allow {DisplayText.ShellWord(provider)} {DisplayText.ShellWord(account)} --namespace {token.Metadata.NamespaceProperty}",
            _ when needsHuman => "fix what the message names; the operator retries automatically",
            _ => $"kubectl oauthtoken logs {where}",
        };
    }
}
