using KubeRuntime;
using TokenOperator.Core.Tokens;
using TokenOperator.Refreshing;

namespace TokenOperator.Tests.Refreshing;

/// <summary>Records the accounts that were queued.</summary>
internal sealed class CalledAccounts : IAccountQueue
{
    public List<AccountKey> Called { get; } = [];

    public List<NamespacedName> Owners { get; } = [];

    public bool KnowsAll { get; set; } = true;

    /// <summary>The accounts that no object names.</summary>
    public HashSet<AccountKey> Unnamed { get; } = [];

    public bool IsNamed(AccountKey key) => !Unnamed.Contains(key);

    public void Enqueue(AccountKey key) => Called.Add(key);

    public void Enqueue(NamespacedName owner) => Owners.Add(owner);
}
