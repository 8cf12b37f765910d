namespace TokenOperator.Core.Tokens;

/// <summary>How an access token is obtained. Values only; no secret is among them.</summary>
public abstract record Grant
{
    private Grant()
    {
    }

    /// <summary>The value of <c>spec.grant</c> that means this grant.</summary>
    public string Name => GetType().Name == nameof(JwtBearer) ? "JWTBearer" : GetType().Name;

    /// <summary>True if a person consents to it, so that the account has a refresh token.</summary>
    public bool NeedsConsent => this is RefreshToken;

    /// <summary>The parts of a fingerprint: what the token that the provider issues depends on.</summary>
    protected abstract IEnumerable<string?> Inputs { get; }

    /// <summary>
    /// Changes with everything in the spec that the issued token depends on: a token that was issued for others is replaced. Null for a
    /// refresh token, whose access tokens depend on the consent alone.
    /// </summary>
    /// <param name="scopes">The scopes of the spec.</param>
    /// <param name="secrets">Names of the Secrets that prove who asks.</param>
    public string? InputsFingerprint(IReadOnlyList<string> scopes, params IEnumerable<string?> secrets) =>
        NeedsConsent ? null : Fingerprint.Of([Name, .. Inputs, "scopes", .. scopes, "secrets", .. secrets]);

    private static IEnumerable<string> Flat(IReadOnlyDictionary<string, string> entries) =>
        entries.OrderBy(entry => entry.Key, StringComparer.Ordinal).SelectMany(entry => new[] { entry.Key, entry.Value });

    /// <summary>A person has consented, and a refresh token is exchanged (RFC 6749 section 6).</summary>
    public sealed record RefreshToken : Grant
    {
        /// <summary>The one instance.</summary>
        public static RefreshToken Instance { get; } = new();

        /// <inheritdoc/>
        protected override IEnumerable<string?> Inputs => [];
    }

    /// <summary>The client asks for itself (RFC 6749 section 4.4).</summary>
    public sealed record ClientCredentials : Grant
    {
        /// <summary>The service that the token is for, at providers that ask for it (Auth0); or null.</summary>
        public string? Audience { get; init; }

        /// <summary>The address of that service (RFC 8707); or null.</summary>
        public string? Resource { get; init; }

        /// <summary>The value of <c>grant_type</c>.</summary>
        public string GrantType { get; init; } = "client_credentials";

        /// <summary>Further parameters of the request.</summary>
        public IReadOnlyDictionary<string, string> Parameters { get; init; } = new Dictionary<string, string>();

        /// <inheritdoc/>
        protected override IEnumerable<string?> Inputs => [Audience, Resource, GrantType, .. Flat(Parameters)];
    }

    /// <summary>An assertion signed by a private key (RFC 7523 section 2.1).</summary>
    public sealed record JwtBearer : Grant
    {
        /// <summary>The <c>iss</c>; null: the service account of the key.</summary>
        public string? Issuer { get; init; }

        /// <summary>The <c>sub</c>: whom to act as; or null.</summary>
        public string? Subject { get; init; }

        /// <summary>The <c>aud</c>; null: the token endpoint.</summary>
        public string? Audience { get; init; }

        /// <summary>The algorithm: RS256 or ES256.</summary>
        public string Algorithm { get; init; } = "RS256";

        /// <summary>The <c>kid</c>; null: that of the key file, or none.</summary>
        public string? KeyId { get; init; }

        /// <summary>Further claims, such as Box's <c>box_sub_type</c>.</summary>
        public IReadOnlyDictionary<string, string> Claims { get; init; } = new Dictionary<string, string>();

        /// <inheritdoc/>
        protected override IEnumerable<string?> Inputs => [Issuer, Subject, Audience, Algorithm, KeyId, .. Flat(Claims)];
    }

    /// <summary>A token for an installation of a GitHub App.</summary>
    public sealed record GitHubApp : Grant
    {
        /// <summary>The ID of the app, or its client ID.</summary>
        public required string AppId { get; init; }

        /// <summary>The ID of the installation; null: it is found by <see cref="Owner"/>.</summary>
        public long? InstallationId { get; init; }

        /// <summary>The organization or user that installed the app; or null.</summary>
        public string? Owner { get; init; }

        /// <summary>A repository of <see cref="Owner"/> that the installation includes; or null.</summary>
        public string? Repository { get; init; }

        /// <summary>The names of the repositories that the token is for; empty: all of the installation.</summary>
        public IReadOnlyList<string> Repositories { get; init; } = [];

        /// <summary>What the token allows, such as <c>contents: read</c>; empty: what the installation allows.</summary>
        public IReadOnlyDictionary<string, string> Permissions { get; init; } = new Dictionary<string, string>();

        /// <inheritdoc/>
        protected override IEnumerable<string?> Inputs =>
            [AppId, $"{InstallationId}", Owner, Repository, "repositories", .. Repositories.Order(StringComparer.Ordinal), "permissions", .. Flat(Permissions)];
    }

    /// <summary>The operator's own ServiceAccount token proves who asks. Nothing is stored.</summary>
    public sealed record WorkloadIdentity : Grant
    {
        /// <summary>The client that trusts the ServiceAccount (Microsoft Entra ID); or null.</summary>
        public string? ClientId { get; init; }

        /// <summary>The workload identity provider that trusts the ServiceAccount (Google), as <c>//iam.googleapis.com/...</c>; or null.</summary>
        public string? GoogleAudience { get; init; }

        /// <summary>The address of the service account to act as (Google); or null.</summary>
        public string? ServiceAccount { get; init; }

        /// <summary>The person that the service account acts for by domain-wide delegation (Google); or null.</summary>
        public string? Subject { get; init; }

        /// <inheritdoc/>
        protected override IEnumerable<string?> Inputs => [ClientId, GoogleAudience, ServiceAccount, Subject];
    }
}
