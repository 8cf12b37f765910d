// Refreshing asks providers and stores what they answer. It may use ITokenProvider and ITokenStore, and calls no Kubernetes API.
using KubeRuntime;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;

namespace TokenOperator.Refreshing;

/// <summary>Whether this process may act at all. Whatever elects the leader implements it.</summary>
public interface ILeadershipGuard
{
    /// <summary>True if this process leads at this moment. Each call judges anew, so a process that was paused sees that its time is over.</summary>
    bool IsLeader { get; }

    /// <summary>What is led. Two processes with the same scope never lead at the same time.</summary>
    string Scope { get; }

    /// <summary>The name of this process, for a person who looks at a claim.</summary>
    string Holder { get; }

    /// <summary>Increases with each new leader of the scope.</summary>
    long TermNumber { get; }

    /// <summary>A new token per term. It is cancelled when the term ends. What was known in an earlier term can be stale.</summary>
    CancellationToken Term { get; }

    /// <summary>Creates a claim of this process in its term.</summary>
    Claim NewClaim(TimeSpan duration) => new(Guid.NewGuid(), Scope, Holder, duration) { Term = TermNumber };
}

/// <summary>Reconciles the objects of an account again.</summary>
public interface IAccountQueue
{
    /// <summary>Queues every object that names the account. Nothing happens if there is none.</summary>
    void Enqueue(AccountKey key);

    /// <summary>True when all objects that existed at the start are known.</summary>
    bool KnowsAll { get; }

    /// <summary>True if an object names the account.</summary>
    bool IsNamed(AccountKey key);

    /// <summary>Queues one object.</summary>
    void Enqueue(NamespacedName owner);
}
