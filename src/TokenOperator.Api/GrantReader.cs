// Reads the part of a spec that says how the token is obtained. No I/O.
using System.Text.RegularExpressions;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;
using static TokenOperator.Api.V1Beta1OAuthToken;

namespace TokenOperator.Api;

/// <summary>Reads <c>spec.grant</c> and its block, or reports which field does not fit, and the remedy.</summary>
internal static partial class GrantReader
{
    private const int MaxTextLength = 512;
    private const int MaxEntries = 32;
    private const int MaxRepositories = 500;

    /// <summary>The operator sets these parameters of a request itself, or the client's authentication does.</summary>
    private static readonly string[] ReservedParameters = ["client_id", "client_secret", "grant_type", "scope", "audience", "resource"];

    /// <summary>These claims have fields of their own, or are the operator's.</summary>
    private static readonly string[] ReservedClaims = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "scope"];

    private static readonly (string Name, string Field, Func<EntitySpec, object?> Block, Func<EntitySpec, Grant> Read)[] Grants =
    [
        ("RefreshToken", "", _ => null, _ => Grant.RefreshToken.Instance),
        ("ClientCredentials", "clientCredentials", spec => spec.ClientCredentials, ReadClientCredentials),
        ("JWTBearer", "jwtBearer", spec => spec.JwtBearer, ReadJwtBearer),
        ("GitHubApp", "githubApp", spec => spec.GithubApp, ReadGithubApp),
        ("WorkloadIdentity", "workloadIdentity", spec => spec.WorkloadIdentity, ReadWorkloadIdentity),
    ];

    /// <summary>The grant; null if <paramref name="error"/> says what is wrong.</summary>
    public static Grant? Read(EntitySpec spec, out string error)
    {
        error = Check(spec) ?? "";
        return error.Length > 0 ? null : Grants.Single(grant => grant.Name == NameOf(spec)).Read(spec);
    }

    /// <summary>Where the private key is; null for a grant without one.</summary>
    public static SecretKeyRef? KeyOf(EntitySpec spec) => spec.JwtBearer?.KeySecretRef ?? spec.GithubApp?.PrivateKeySecretRef;

    private static string NameOf(EntitySpec spec) => spec.Grant ?? Grants[0].Name;

    private static string? Check(EntitySpec spec)
    {
        var name = NameOf(spec);
        if (Array.Find(Grants, grant => grant.Name == name) is not { Name: not null } own)
            return $"spec.grant is \"{Shown(name)}\"; expected {DisplayText.List(Grants.Select(grant => grant.Name))}.";
        foreach (var other in Grants.Where(grant => grant.Name != name && grant.Block(spec) is not null))
            return $"spec.{other.Field} does not fit spec.grant, which is {name}. Remove it, or set spec.grant to {other.Name}.";
        if (name is "JWTBearer" or "GitHubApp" or "WorkloadIdentity" && own.Block(spec) is null)
            return $"spec.{own.Field} is missing; spec.grant {name} needs it.";
        return CheckOthers(spec, name) ?? name switch
        {
            "ClientCredentials" => CheckClientCredentials(spec.ClientCredentials ?? new ClientCredentialsSpec()),
            "JWTBearer" => CheckJwtBearer(spec.JwtBearer!),
            "GitHubApp" => CheckGithubApp(spec.GithubApp!),
            "WorkloadIdentity" => CheckWorkloadIdentity(spec.WorkloadIdentity!),
            _ => null,
        };
    }

    /// <summary>The fields that only some grants have.</summary>
    private static string? CheckOthers(EntitySpec spec, string name) => (name, spec) switch
    {
        ("RefreshToken" or "ClientCredentials", _) when string.IsNullOrEmpty(spec.ClientSecretRef?.Name) => "spec.clientSecretRef.name is empty; expected the name of the Secret with the OAuth client.",
        ("JWTBearer", { ClientSecretRef.Name: null or "" }) => "spec.clientSecretRef.name is empty; expected the name of the Secret with the OAuth client, or no clientSecretRef.",
        ("GitHubApp" or "WorkloadIdentity", { ClientSecretRef: not null }) => $"spec.clientSecretRef does not fit spec.grant, which is {name}: this grant has no client secret. Remove it.",
        ("RefreshToken", _) => null,
        (_, { SeedSecretRef: not null }) => $"spec.seedSecretRef does not fit spec.grant, which is {name}: this grant has no refresh token. Remove it.",
        (_, { Identity: not null }) => $"spec.identity does not fit spec.grant, which is {name}: nobody consents to this grant. Remove it.",
        ("GitHubApp", { Scopes.Count: > 0 }) => "spec.scopes does not fit spec.grant, which is GitHubApp. Remove it, and set spec.githubApp.permissions.",
        _ => null,
    };

    private static string? CheckClientCredentials(ClientCredentialsSpec block) =>
        CheckText("clientCredentials.audience", block.Audience)
        ?? CheckText("clientCredentials.resource", block.Resource)
        ?? CheckText("clientCredentials.grantType", block.GrantType)
        ?? (block.GrantType is "refresh_token" or "authorization_code" or "password"
            ? $"spec.clientCredentials.grantType is \"{block.GrantType}\"; expected client_credentials, or a name of the provider's own for it, such as account_credentials."
            : null)
        ?? CheckEntries("clientCredentials.parameters", block.Parameters, ReservedParameters, "client_assertion");

    private static string? CheckJwtBearer(JwtBearerSpec block) =>
        CheckReference("jwtBearer.keySecretRef", block.KeySecretRef)
        ?? CheckText("jwtBearer.subject", block.Subject)
        ?? CheckText("jwtBearer.issuer", block.Issuer)
        ?? CheckText("jwtBearer.audience", block.Audience)
        ?? CheckText("jwtBearer.keyID", block.KeyID)
        ?? (block.Algorithm is null or "RS256" or "ES256" ? null : $"spec.jwtBearer.algorithm is \"{Shown(block.Algorithm)}\"; expected RS256 or ES256.")
        ?? CheckEntries("jwtBearer.claims", block.Claims, ReservedClaims);

    private static string? CheckGithubApp(GithubAppSpec block) =>
        block.AppID is not > 0 ? "spec.githubApp.appID is missing; expected the number that the app's settings page shows as its App ID."
        : CheckReference("githubApp.privateKeySecretRef", block.PrivateKeySecretRef) is { } error ? error
        : block is { InstallationID: null, Owner: null or "" } ? "spec.githubApp has neither installationID nor owner; expected one of them: where the app is installed."
        : block is { InstallationID: not null, Owner: not null } ? "spec.githubApp has installationID and owner; expected one of them. Remove the other."
        : block.InstallationID is <= 0 ? "spec.githubApp.installationID is not greater than 0; expected the number at the end of the installation's address."
        : block is { Owner: null, Repository: not null } ? "spec.githubApp.repository does not fit installationID. Remove it, or set owner in place of installationID."
        : block.Owner is { } owner && !Name().IsMatch(owner) ? $"spec.githubApp.owner is \"{Shown(owner)}\"; expected the name of an organization or a user."
        : block.Repository is { } one && !Name().IsMatch(one) ? $"spec.githubApp.repository is \"{Shown(one)}\"; expected the name of a repository, without its owner."
        : block.Repositories?.Count > MaxRepositories ? $"spec.githubApp.repositories has more than {MaxRepositories} entries; expected at most {MaxRepositories}."
        : block.Repositories?.FirstOrDefault(repository => !Name().IsMatch(repository ?? "")) is { } wrong
            ? $"spec.githubApp.repositories has \"{Shown(wrong)}\"; expected the name of a repository, without its owner."
        : block.Permissions?.Count > MaxEntries * 2 ? $"spec.githubApp.permissions has more than {MaxEntries * 2} entries; expected at most {MaxEntries * 2}."
        : block.Permissions?.FirstOrDefault(permission => !Permission().IsMatch(permission.Key) || permission.Value is not ("read" or "write" or "admin")) is { Key: not null } denied
            ? $"spec.githubApp.permissions has \"{Shown(denied.Key)}: {Shown(denied.Value ?? "")}\"; expected a permission and read, write or admin, such as contents: read."
        : null;

    private static string? CheckWorkloadIdentity(WorkloadIdentitySpec block) => block switch
    {
        { ClientID: null or "", GoogleAudience: null or "" } => "spec.workloadIdentity has neither clientID nor googleAudience; expected clientID at Microsoft Entra ID, or googleAudience and serviceAccount at Google.",
        { ClientID: not null, GoogleAudience: not null } => "spec.workloadIdentity has clientID and googleAudience; expected one of them. Remove the other.",
        { ClientID: { } id } when !ClientIdentifier().IsMatch(id) => $"spec.workloadIdentity.clientID is \"{Shown(id)}\"; expected the application (client) ID.",
        { ClientID: not null, ServiceAccount: not null } => "spec.workloadIdentity.serviceAccount does not fit clientID. Remove it.",
        { ClientID: not null, Subject: not null } => "spec.workloadIdentity.subject does not fit clientID: a token of this grant is for no person. Remove it.",
        { GoogleAudience: { } audience } when !GoogleAudience().IsMatch(audience) =>
            $"spec.workloadIdentity.googleAudience is \"{DisplayText.Of(audience, 100)}\"; expected //iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER.",
        { GoogleAudience: not null, ServiceAccount: null or "" } => "spec.workloadIdentity.serviceAccount is missing; expected the address of the service account to act as.",
        { ServiceAccount: { } account } when !ServiceAccount().IsMatch(account) => $"spec.workloadIdentity.serviceAccount is \"{Shown(account)}\"; expected an address such as mailer@example.iam.gserviceaccount.com.",
        _ => CheckText("workloadIdentity.subject", block.Subject),
    };

    private static string? CheckReference(string field, SecretKeyRef? reference) =>
        string.IsNullOrEmpty(reference?.Name) ? $"spec.{field}.name is empty; expected the name of the Secret with the private key." : null;

    private static string? CheckText(string field, string? text) =>
        text is null || (text.Length is > 0 and <= MaxTextLength && DisplayText.IsPrintable(text) && !string.IsNullOrWhiteSpace(text))
            ? null
            : $"spec.{field} is \"{Shown(text)}\"; expected 1 to {MaxTextLength} printable characters, or no such field.";

    private static string? CheckEntries(string field, IReadOnlyDictionary<string, string>? entries, string[] reserved, string? reservedPrefix = null)
    {
        if (entries?.Count > MaxEntries)
            return $"spec.{field} has more than {MaxEntries} entries; expected at most {MaxEntries}.";
        foreach (var (name, value) in entries ?? new Dictionary<string, string>())
        {
            if (reserved.Contains(name, StringComparer.OrdinalIgnoreCase) || (reservedPrefix is not null && name.StartsWith(reservedPrefix, StringComparison.OrdinalIgnoreCase)))
                return $"spec.{field} sets \"{Shown(name)}\", which the operator sets itself. Remove it.";
            if (!EntryName().IsMatch(name))
                return $"spec.{field} has the name \"{Shown(name)}\"; expected letters, digits, dots, hyphens and underscores.";
            if (CheckText($"{field}.{name}", value ?? "") is { } error)
                return error;
        }

        return null;
    }

    private static Grant.ClientCredentials ReadClientCredentials(EntitySpec spec)
    {
        var (block, defaults) = (spec.ClientCredentials ?? new ClientCredentialsSpec(), new Grant.ClientCredentials());
        return new Grant.ClientCredentials
        {
            Audience = block.Audience,
            Resource = block.Resource,
            GrantType = block.GrantType ?? defaults.GrantType,
            Parameters = block.Parameters ?? defaults.Parameters,
        };
    }

    private static Grant.JwtBearer ReadJwtBearer(EntitySpec spec)
    {
        var (block, defaults) = (spec.JwtBearer!, new Grant.JwtBearer());
        return new Grant.JwtBearer
        {
            Issuer = block.Issuer,
            Subject = block.Subject,
            Audience = block.Audience,
            Algorithm = block.Algorithm ?? defaults.Algorithm,
            KeyId = block.KeyID,
            Claims = block.Claims ?? defaults.Claims,
        };
    }

    private static Grant.GitHubApp ReadGithubApp(EntitySpec spec)
    {
        var block = spec.GithubApp!;
        return new Grant.GitHubApp
        {
            AppId = $"{block.AppID}",
            InstallationId = block.InstallationID,
            Owner = block.Owner,
            Repository = block.Repository,
            Repositories = block.Repositories ?? [],
            Permissions = block.Permissions ?? new Dictionary<string, string>(),
        };
    }

    private static Grant.WorkloadIdentity ReadWorkloadIdentity(EntitySpec spec)
    {
        var block = spec.WorkloadIdentity!;
        return new Grant.WorkloadIdentity { ClientId = block.ClientID, GoogleAudience = block.GoogleAudience, ServiceAccount = block.ServiceAccount, Subject = block.Subject };
    }

    private static string Shown(string text) => DisplayText.Of(text, 60);

    [GeneratedRegex(@"\A(?!\.{1,2}\z)[A-Za-z0-9._-]{1,100}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Name();

    [GeneratedRegex(@"\A[a-z][a-z0-9_]{0,99}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Permission();

    [GeneratedRegex(@"\A[A-Za-z0-9._-]{1,100}\z", RegexOptions.CultureInvariant)]
    private static partial Regex EntryName();

    [GeneratedRegex(@"\A[A-Za-z0-9._-]{1,100}\z", RegexOptions.CultureInvariant)]
    private static partial Regex ClientIdentifier();

    [GeneratedRegex(@"\A//iam\.googleapis\.com/[A-Za-z0-9/._-]{1,400}\z", RegexOptions.CultureInvariant)]
    private static partial Regex GoogleAudience();

    [GeneratedRegex(@"\A[a-z0-9][a-z0-9-]{0,62}@[a-z0-9][a-z0-9.-]{1,200}\z", RegexOptions.CultureInvariant)]
    private static partial Regex ServiceAccount();
}
