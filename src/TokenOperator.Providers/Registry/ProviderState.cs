using TokenOperator.Providers.Documents;

namespace TokenOperator.Providers.Registry;

/// <summary>A change of the host that refresh tokens and client secrets are sent to.</summary>
/// <param name="From">The host before, with its port unless that is the usual one.</param>
/// <param name="To">The host of the new document.</param>
public sealed record EndpointMove(string From, string To);

/// <summary>What the name of a provider means.</summary>
public abstract record ProviderState
{
    private ProviderState()
    {
    }

    /// <summary>The provider can be used.</summary>
    /// <param name="Source">The document in use, as its author wrote it.</param>
    /// <param name="Document">The same with its base and its parameters resolved.</param>
    /// <param name="Fingerprint">Identifies what it says.</param>
    public sealed record Usable(SourceDocument Source, ProviderDocument Document, string Fingerprint) : ProviderState
    {
        /// <summary>The move that keeps tokens of <paramref name="host"/> from being sent to this provider; null if they may be sent.</summary>
        public EndpointMove? MoveFrom(string? host) => Document.TakesAccountsFrom(host) ? null : new EndpointMove(host!, Document.TokenHost);
    }

    /// <summary>No provider has this name.</summary>
    /// <param name="Known">The names that exist, sorted.</param>
    public sealed record Unknown(IReadOnlyList<string> Known) : ProviderState;

    /// <summary>The provider needs values that an administrator has not given yet.</summary>
    /// <param name="Document">Its document.</param>
    /// <param name="Parameters">The names of the parameters, sorted.</param>
    public sealed record NeedsParameters(SourceDocument Document, IReadOnlyList<string> Parameters) : ProviderState;

    /// <summary>The document of the provider is not valid.</summary>
    /// <param name="Document">The document.</param>
    /// <param name="Errors">Why, as sentences.</param>
    public sealed record Invalid(SourceDocument Document, IReadOnlyList<string> Errors) : ProviderState;

    /// <summary>The document is valid, but it moves accounts to another host without permission, and the previous document is not known any more.</summary>
    /// <param name="Document">The document.</param>
    /// <param name="Move">The move.</param>
    public sealed record Moved(SourceDocument Document, EndpointMove Move) : ProviderState;
}

/// <summary>What became of the newest document of a provider.</summary>
/// <param name="Document">The document.</param>
/// <param name="Move">The move that needs a permission; null if none does.</param>
/// <param name="Host">The host of the token endpoint that is in use; null if nothing is in use.</param>
/// <param name="IsLatestInUse">False if the document is not in use. An older one can be.</param>
public sealed record ProviderReport(ResolvedDocument Document, EndpointMove? Move, string? Host, bool IsLatestInUse);
