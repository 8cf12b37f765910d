using TokenOperator.Core.Tokens;

namespace TokenOperator.Core.Documents;

/// <summary>The fields in which applications keep the tokens of one account, in any of the known formats.</summary>
internal static class TokenFields
{
    /// <summary>The operator's own field for <see cref="TokenSet.GrantInputs"/>.</summary>
    public const string GrantInputs = "grant_inputs";

    /// <summary>The name of the field with the values that the Secret has beside the token.</summary>
    public const string ExportsName = "exported_values";

    /// <summary>The operator's own field for <see cref="TokenSet.TokenHost"/>.</summary>
    public const string TokenHost = "token_endpoint_host";

    private const int MaxExports = 200;
    private const int MaxExportLength = 1024;

    /// <summary>Reads the tokens. The caller checks whether the refresh token is missing.</summary>
    /// <exception cref="InvalidDocumentException">A field cannot be read.</exception>
    public static TokenSet Read(JsonFields fields)
    {
        var accessToken = fields.Secret("access_token") ?? fields.Secret("token");
        var (issuedAt, expiresAt) = ReadLifetime(fields);
        return new TokenSet
        {
            RefreshToken = fields.Secret("refresh_token"),
            AccessToken = accessToken,
            TokenType = fields.Credential("token_type") ?? "Bearer",
            Scopes = fields.Scopes("scope") ?? fields.Scopes("scopes") ?? [],
            IssuedAt = accessToken is null ? null : issuedAt,
            ExpiresAt = accessToken is null ? null : expiresAt,
            NeverExpires = accessToken is not null && expiresAt is null && fields.Flag("never_expires"),
            CheckedAt = fields.UnixTime("checked_at"),
            ConsentedAt = fields.UnixTime("consented_at"),
            Exports = fields.Map(ExportsName, MaxExports, MaxExportLength) ?? TokenSet.NoExports,
            Identity = ReadIdentity(fields),
            GrantInputs = fields.Credential(GrantInputs),
            TokenHost = fields.Credential(TokenHost),
            RefreshTokenExpiresAt = fields.UnixTime("refresh_token_expires_at") ?? issuedAt + fields.Seconds("refresh_token_expires_in"),
        };
    }

    // account: google-auth and gcloud, often empty. Other applications keep their own names there.
    private static Identity? ReadIdentity(JsonFields fields) => (fields.Name("subject"), fields.Name("account")) switch
    {
        (null, { } email) when !Identity.IsAddress(email) => null,
        (null, null) => null,
        var (subject, email) => new Identity(subject, email),
    };

    // expires_at: gmail-sdk and the stored document. expiry: google-auth and rclone. expiry_date: Node. IssuedUtc: .NET.
    private static (DateTimeOffset? IssuedAt, DateTimeOffset? ExpiresAt) ReadLifetime(JsonFields fields)
    {
        var issuedAt = fields.UnixTime("issued_at") ?? fields.IsoTime("IssuedUtc") ?? fields.IsoTime("Issued");
        var expiresAt = fields.UnixTime("expires_at") ?? fields.IsoTime("expiry") ?? fields.UnixTime("expiry_date");
        var lifetime = fields.Seconds("expires_in");
        return (issuedAt ?? expiresAt - lifetime, expiresAt ?? issuedAt + lifetime);
    }
}
