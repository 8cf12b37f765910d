using TokenOperator.Core.Documents;
using TokenOperator.Core.Tokens;
using TokenOperator.Publishing;

namespace TokenOperator.Reconcile;

/// <summary>What a reconcile does for an OAuthToken. Each reconcile does one thing; a write to the account is followed by another reconcile.</summary>
public abstract record Decision
{
    private Decision()
    {
    }

    /// <summary>Import the seed.</summary>
    /// <param name="Seed">The seed.</param>
    /// <param name="Replaces">The row that it replaces, or null to insert one.</param>
    public sealed record Import(Seed Seed, AccountRecord? Replaces) : Decision;

    /// <summary>Create a row without a token, for a grant that needs no seed. The first token follows.</summary>
    public sealed record Create : Decision;

    /// <summary>
    /// Give an account that belongs to no namespace, or to an earlier namespace of this name, to this one, which has shown that it holds the
    /// same refresh token.
    /// </summary>
    public sealed record Allow : Decision;

    /// <summary>Record which namespace of this name uses the account: the first one that does.</summary>
    public sealed record RecordNamespace : Decision;

    /// <summary>Ask the provider, or keep waiting for it.</summary>
    /// <param name="Account">The row as it was seen.</param>
    /// <param name="Client">The client to authenticate as; null for a grant without one.</param>
    /// <param name="Meanwhile">What to publish until the response arrives. Null: change nothing.</param>
    public sealed record Refresh(AccountRecord Account, OAuthClient? Client, DesiredState? Meanwhile = null) : Decision
    {
        /// <summary>The key to sign with; null for a grant without one.</summary>
        public PrivateKey? Key { get; init; }
    }

    /// <summary>Change nothing for a while.</summary>
    /// <param name="For">How long.</param>
    public sealed record Wait(TimeSpan For) : Decision;

    /// <summary>The provider and Postgres need no action: publish.</summary>
    /// <param name="DesiredState">What to publish.</param>
    public sealed record Publish(DesiredState DesiredState) : Decision;

    /// <summary>Nothing can be decided before this input has been read.</summary>
    internal sealed record NeedsInput(InputKind Kind) : Decision;
}

/// <summary>An input that is read only if a decision depends on it, because reading it costs a request.</summary>
public enum InputKind
{
    /// <summary>The seed Secret.</summary>
    Seed,

    /// <summary>The client Secret.</summary>
    Client,

    /// <summary>The UID of the namespace.</summary>
    Namespace,

    /// <summary>The Secret with the private key.</summary>
    Key,
}
