using TokenOperator.Core.Tokens;

namespace TokenOperator.Refreshing;

/// <summary>Has the objects of an account looked at again.</summary>
public interface IAccountQueue
{
    /// <summary>As soon as a worker is free; nothing happens when no object names the account.</summary>
    void Enqueue(AccountKey key);
}
