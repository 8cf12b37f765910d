using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Providers.Checks;

/// <summary>A failure as the provider worded it. Nothing in it is part of a secret.</summary>
/// <param name="Status">The HTTP status; 0 if no reply came.</param>
/// <param name="Code">The error code, or null.</param>
/// <param name="Kind">What it means by the provider's document.</param>
/// <param name="Detail">The reply for people.</param>
public sealed record ObservedFailure(int Status, string? Code, FailureKind Kind, string Detail)
{
    /// <summary>True if a program cannot tell the two apart.</summary>
    public bool LooksLike(ObservedFailure other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return Status == other.Status && Code == other.Code;
    }
}

/// <summary>What became of the refresh token in a response.</summary>
public enum ReturnedToken
{
    /// <summary>The response has none.</summary>
    Absent,

    /// <summary>It has the one of the request.</summary>
    Same,

    /// <summary>It has another one.</summary>
    New,
}

/// <summary>What came of a refresh.</summary>
public abstract record ObservedRefresh
{
    private ObservedRefresh()
    {
    }

    /// <summary>A token.</summary>
    /// <param name="Returned">What became of the refresh token.</param>
    /// <param name="ExpiresIn">The lifetime in the response; null if it has none.</param>
    /// <param name="RefreshTokenExpiresIn">The lifetime of the refresh token in the response; null if it has none.</param>
    public sealed record Succeeded(ReturnedToken Returned, TimeSpan? ExpiresIn, TimeSpan? RefreshTokenExpiresIn) : ObservedRefresh;

    /// <summary>No token.</summary>
    public sealed record Failed(ObservedFailure Failure) : ObservedRefresh;
}

/// <summary>What the provider answered to one client authentication.</summary>
/// <param name="Authentication">How the client authenticated.</param>
/// <param name="Failure">The answer. A refresh token that nobody issued cannot bring a success.</param>
public sealed record ObservedAuthentication(ClientAuthentication Authentication, ObservedFailure Failure);

/// <summary>What the use of a replaced refresh token did.</summary>
/// <param name="After">How long ago it was replaced.</param>
/// <param name="Refresh">What came of it.</param>
/// <param name="GrantIsAlive">Whether the newest refresh token worked afterwards; null if it was not tried.</param>
public sealed record ObservedReplay(TimeSpan After, ObservedRefresh Refresh, bool? GrantIsAlive);

/// <summary>Everything that a check saw. What is null was not looked at.</summary>
public sealed record CheckObservations
{
    /// <summary>The discovery document.</summary>
    public DiscoveryDocument? Discovery { get; init; }

    /// <summary>The answer to a refresh token that nobody issued.</summary>
    public ObservedFailure? WrongToken { get; init; }

    /// <summary>The answer to the same with a client secret that is wrong; tells a refused client from a refused token.</summary>
    public ObservedFailure? WrongSecret { get; init; }

    /// <summary>The answers to other client authentications.</summary>
    public IReadOnlyList<ObservedAuthentication> Authentications { get; init; } = [];

    /// <summary>The first refresh.</summary>
    public ObservedRefresh? First { get; init; }

    /// <summary>The second refresh.</summary>
    public ObservedRefresh? Second { get; init; }

    /// <summary>The use of a replaced refresh token.</summary>
    public ObservedReplay? Replay { get; init; }
}
