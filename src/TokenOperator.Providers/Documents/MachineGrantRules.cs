namespace TokenOperator.Providers.Documents;

/// <summary>Assertions of the grant JWTBearer (RFC 7523 section 2.1).</summary>
public sealed record AssertionRules
{
    /// <summary>How long an assertion is valid. It is used once and at once, but the clocks of two machines differ.</summary>
    public TimeSpan Lifetime { get; init; } = TimeSpan.FromMinutes(3);

    /// <summary>What errors mean in response to an assertion, before the rules for all responses.</summary>
    public IReadOnlyList<ErrorRule> ErrorRules { get; init; } = [];
}

/// <summary>Whether and where the operator's own identity counts. The operator sends its token nowhere else.</summary>
public sealed record WorkloadIdentityRules
{
    /// <summary>True if the token endpoint takes the operator's token as a client assertion.</summary>
    public bool AllowsClientAssertion { get; init; }

    /// <summary>Where the operator's token is exchanged (RFC 8693); null: nowhere.</summary>
    public Uri? ExchangeEndpoint { get; init; }

    /// <summary>The API that acts as a service account with what the exchange brings (Google's IAM credentials); null: none.</summary>
    public Uri? CredentialsEndpoint { get; init; }
}
