using System.Buffers;
using System.Text.Json;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Providers.Grants;

/// <summary>
/// A token for an installation of a GitHub App. The token endpoint of the document is the address of GitHub's REST API. Several tokens
/// can be valid at once, so nothing is lost if an answer is.
/// </summary>
internal static class GitHubAppGrant
{
    private const string Finding = "finding the installation";
    private const string Creating = "creating the token";

    // GitHub rejects an assertion that is valid for more than 10 minutes.
    private static readonly TimeSpan Backdating = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(9);

    private static readonly KeyValuePair<string, string>[] Headers = [new("Accept", "application/vnd.github+json"), new("X-GitHub-Api-Version", "2022-11-28")];

    /// <summary>Finds the installation, if its ID is not given, and asks once.</summary>
    public static async Task<TokenResponse> RequestAsync(GrantContext context, GrantRequest request, Grant.GitHubApp grant)
    {
        if (request.Key!.Kind != PrivateKeyKind.Rsa)
            return new TokenResponse.Failed(FailureKind.KeyRejected, "nothing was sent: GitHub generates RSA keys, and this is another one");
        var assertion = JwtAssertion.Create(
            request.Key with { KeyId = null }, "RS256", ClientAuthentication.DefaultTyp, null, ("iat", (context.Now - Backdating).ToUnixTimeSeconds()), ("exp", (context.Now + Lifetime).ToUnixTimeSeconds()), ("iss", grant.AppId));
        SecretValue?[] secrets = [request.Key.Secret, assertion];

        var installation = grant.InstallationId;
        if (installation is null)
        {
            var found = await FindAsync(context, grant, assertion);
            if (!found.IsSuccess)
                return found.Fail(KindOf(found), $"{Finding} for {Place(grant)}", secrets);
            if (found.Body.ValueKind != JsonValueKind.Object || found.Body.Number("id") is not (>= 1 and <= long.MaxValue and var id))
                return found.Fail(FailureKind.InvalidResponse, Finding, secrets);
            installation = (long)id;
        }

        var reply = await context.CallAsync(HttpMethod.Post, At(context, $"app/installations/{installation}/access_tokens"), assertion, Body(grant), Headers);
        return reply.IsSuccess
            ? reply.ReadToken("token", "expires_at", context.Now, Permissions(reply.Body), Creating)
            : reply.Fail(KindOf(reply), $"{Creating} for installation {installation}", secrets);
    }

    /// <summary>Ends an installation token.</summary>
    public static async Task<RevocationResponse> RevokeAsync(GrantContext context, SecretValue token)
    {
        var reply = await context.CallAsync(HttpMethod.Delete, At(context, "installation/token"), token, null, Headers);
        // 401: it has expired, or was revoked before.
        return reply.IsSuccess || reply.Status == 401 ? new RevocationResponse(true, "") : new RevocationResponse(false, reply.Fail(KindOf(reply), "revoking the token", token).Detail);
    }

    private static async Task<ApiReply> FindAsync(GrantContext context, Grant.GitHubApp grant, SecretValue assertion)
    {
        Task<ApiReply> GetAsync(string path) => context.CallAsync(HttpMethod.Get, At(context, path), assertion, null, Headers);
        if (grant.Repository is { } repository)
            return await GetAsync($"repos/{grant.Owner}/{repository}/installation");
        var found = await GetAsync($"orgs/{grant.Owner}/installation");
        return found.Status == 404 ? await GetAsync($"users/{grant.Owner}/installation") : found;
    }

    private static Uri At(GrantContext context, string path) => new($"{context.Document.TokenEndpoint.AbsoluteUri.TrimEnd('/')}/{path}");

    private static string Place(Grant.GitHubApp grant) => grant.Repository is null ? $"owner {grant.Owner}" : $"repository {grant.Owner}/{grant.Repository}";

    private static FailureKind KindOf(ApiReply reply) => reply switch
    {
        { Status: 401 } => IsAboutTime(reply.Text) ? FailureKind.ClockSkewed : FailureKind.KeyRejected,
        { Status: 403, Text: var text } when text.Contains("IP allow list", StringComparison.OrdinalIgnoreCase) => FailureKind.AdminPolicyBlocked,
        { Status: 403, RetryAfter: not null } => FailureKind.RateLimited,
        { Status: 403, Text: var text } when text.Contains("rate limit", StringComparison.OrdinalIgnoreCase) => FailureKind.RateLimited,
        // The app that the assertion names does not exist.
        { Status: 404, Text: "Integration not found" } => FailureKind.KeyRejected,
        { Status: 403 or 404 } => FailureKind.InstallationMissing,
        _ => reply.Kind(FailureKind.GrantRejected),
    };

    /// <summary>GitHub names the claim, as in <c>'Expiration time' claim ('exp') is too far in the future</c>.</summary>
    private static bool IsAboutTime(string text) => text.Contains("('exp')", StringComparison.Ordinal) || text.Contains("('iat')", StringComparison.Ordinal);

    private static byte[]? Body(Grant.GitHubApp grant)
    {
        if (grant.Repositories.Count == 0 && grant.Permissions.Count == 0)
            return null;
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            if (grant.Repositories.Count > 0)
            {
                writer.WriteStartArray("repositories");
                foreach (var repository in grant.Repositories)
                    writer.WriteStringValue(repository);
                writer.WriteEndArray();
            }

            if (grant.Permissions.Count > 0)
            {
                writer.WriteStartObject("permissions");
                foreach (var (name, level) in grant.Permissions)
                    writer.WriteString(name, level);
                writer.WriteEndObject();
            }

            writer.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>What the token allows, such as <c>contents:read</c>.</summary>
    private static List<string>? Permissions(JsonElement body)
    {
        if (body.ValueKind != JsonValueKind.Object || !body.TryGetProperty("permissions", out var permissions) || permissions.ValueKind != JsonValueKind.Object)
            return null;
        var scopes = permissions.EnumerateObject()
            .Where(permission => permission.Value.ValueKind == JsonValueKind.String)
            .Select(permission => $"{permission.Name}:{permission.Value.GetString()}")
            .Where(CredentialSyntax.IsScope)
            .Order(StringComparer.Ordinal)
            .ToList();
        return scopes.Count > 0 ? scopes : null;
    }
}
