namespace TokenOperator.Providers.Documents;

/// <summary>Whether the refresh token changes.</summary>
public enum RotationMode
{
    /// <summary>The refresh token stays.</summary>
    Never,

    /// <summary>A response can replace it.</summary>
    Sometimes,

    /// <summary>Every response replaces it.</summary>
    Always,
}

/// <summary>What the provider does when a refresh token is used again.</summary>
public enum ReplayEffect
{
    /// <summary>It is rejected, and nothing else happens.</summary>
    Error,

    /// <summary>It brings the same tokens, or new ones, and does no harm.</summary>
    Same,

    /// <summary>It ends the grant, together with the newest refresh token.</summary>
    RevokesGrant,
}

/// <summary>What becomes of a refresh token when it is used.</summary>
public sealed record RotationRules
{
    /// <summary>Whether it changes.</summary>
    public RotationMode Mode { get; init; } = RotationMode.Sometimes;

    /// <summary>How long the old one still works; <see cref="TimeSpan.MaxValue"/> if it does until the new one is used.</summary>
    public TimeSpan Grace { get; init; }

    /// <summary>What the use of an old one does after that; null if the document does not say.</summary>
    public ReplayEffect? OnReplay { get; init; }

    /// <summary>True if the response can replace the refresh token, so that losing it can lose the grant.</summary>
    public bool CanRotate => Mode != RotationMode.Never;

    /// <summary>
    /// True if the use of an old one can end the grant. A provider that always rotates counts as one that does unless its document says
    /// otherwise: many end the grant then, because a token that is used twice may be stolen (RFC 9700 section 4.14.2).
    /// </summary>
    public bool ReplayEndsGrant => OnReplay == ReplayEffect.RevokesGrant || (OnReplay is null && Mode == RotationMode.Always);

    /// <summary>
    /// True if a refresh token may be sent again whose answer was lost: the provider accepts it once more, or at worst rejects it.
    /// </summary>
    /// <param name="age">How long ago it was used.</param>
    public bool MayReplay(TimeSpan age) => !CanRotate || !ReplayEndsGrant || age < Grace;
}

/// <summary>How long a refresh token works.</summary>
/// <param name="Idle">Without being used; null: unknown or unlimited.</param>
/// <param name="Absolute">From the consent, however often it is used; null: unknown or unlimited.</param>
public sealed record RefreshTokenLifetime(TimeSpan? Idle, TimeSpan? Absolute);
