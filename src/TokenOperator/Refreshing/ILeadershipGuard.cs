// Refreshing asks providers and keeps what they answer. It may touch ITokenProvider and ITokenStore, and knows nothing of Kubernetes.
using TokenOperator.Postgres;

namespace TokenOperator.Refreshing;

/// <summary>The right of this process to act at all, from whatever elects the one that may.</summary>
public interface ILeadershipGuard
{
    /// <summary>True at this very moment; judged anew at each call, so that a process that was paused sees that its time is over.</summary>
    bool Holds { get; }

    /// <summary>Breaks off what must not be done without the right.</summary>
    /// <exception cref="LeadershipLostException">It is lost.</exception>
    void ThrowIfLost()
    {
        if (!Holds)
            throw new LeadershipLostException($"This process no longer leads {Scope}; the rest is left to the one that does.");
    }

    /// <summary>A fresh claim of this process in its term.</summary>
    Claim NewClaim(TimeSpan duration) => new(Guid.NewGuid(), Scope, Holder, duration) { Term = TermNumber };

    /// <summary>What the right is over; two processes of the same scope never hold it at once.</summary>
    string Scope { get; }

    /// <summary>This process, for a person who looks at a claim.</summary>
    string Holder { get; }

    /// <summary>Counts those who held the right one after the other.</summary>
    long TermNumber { get; }

    /// <summary>Another one for each time that the right was won, cancelled when it ends: what was known before may be stale.</summary>
    CancellationToken Term { get; }
}

/// <summary>The right was lost in the middle of something: no fault, and the rest is for whoever holds it now.</summary>
public sealed class LeadershipLostException(string message) : OperationCanceledException(message);
