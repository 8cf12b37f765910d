// The providers that exist now. This folder chooses between documents and makes providers from them. It sends nothing.
using TokenOperator.Providers.Documents;

namespace TokenOperator.Providers.Registry;

/// <summary>Makes a provider from a valid document.</summary>
public interface ITokenProviderFactory
{
    /// <summary>The provider that <paramref name="document"/> describes.</summary>
    ITokenProvider Create(ProviderDocument document);
}

/// <summary>Who uses providers.</summary>
public interface IProviderUsers
{
    /// <summary>False until everything that existed at the start is known, users and documents alike.</summary>
    bool AreKnown { get; }

    /// <summary>How many users name the provider.</summary>
    int Count(string provider);
}

/// <summary>
/// The providers that <c>spec.provider</c> can name. Documents can change at any time. A provider is replaced when its document changes, and stays the
/// same object as long as the document says the same. Requests in progress end with the provider that they started with.
/// <para>
/// While a document is not valid, or moves the token endpoint of a provider with users to another host without permission, the document that was in use
/// before stays in use. It is remembered in memory only.
/// </para>
/// </summary>
public sealed class ProviderRegistry
{
    private readonly Lock _sync = new();
    private readonly ITokenProviderFactory _factory;
    private readonly IProviderUsers _users;
    private readonly Dictionary<string, List<SourceDocument>> _documents = new(StringComparer.Ordinal);
    private readonly Dictionary<string, KnownProvider> _providers = new(StringComparer.Ordinal);

    /// <summary>Reads the documents that exist at the start. The others follow by <see cref="Replace"/> and <see cref="Set"/>.</summary>
    /// <param name="documents">The documents of all sources that are known already.</param>
    /// <param name="factory">Makes the providers that are used.</param>
    /// <param name="users">Who uses them.</param>
    public ProviderRegistry(IEnumerable<SourceDocument> documents, ITokenProviderFactory factory, IProviderUsers users)
    {
        ArgumentNullException.ThrowIfNull(documents);
        (_factory, _users) = (factory, users);
        foreach (var document in documents)
            Put(document.Source, document.Name, document);
        foreach (var name in _documents.Keys.ToList())
            Resolve(name);
    }

    /// <summary>The provider to use, or null if there is none of this name, or none that can be used.</summary>
    public ITokenProvider? Find(string name)
    {
        lock (_sync)
        {
            if (!_users.AreKnown || !_providers.TryGetValue(name, out var known))
                return null;
            Settle(name, known);
            return known.Document is { } document ? known.Provider ??= _factory.Create(document) : null;
        }
    }

    /// <summary>What the name means.</summary>
    public ProviderState Look(string name)
    {
        lock (_sync)
        {
            if (!_providers.TryGetValue(name, out var known) || known.Latest is not { } latest)
                return new ProviderState.Unknown([.. _providers.Where(named => named.Value.Latest is not null).Select(named => named.Key).Order(StringComparer.Ordinal)]);
            var move = Settle(name, known);
            return known is { Active: { } active, Document: { } document } ? new ProviderState.Usable(active.Source, document, active.Fingerprint)
                : move is not null ? new ProviderState.Moved(latest.Source, move)
                : latest.MissingParameters.Count > 0 ? new ProviderState.NeedsParameters(latest.Source, latest.MissingParameters)
                : new ProviderState.Invalid(latest.Source, latest.Errors);
        }
    }

    /// <summary>What became of the newest document of this name, whichever source it comes from; null if there is none.</summary>
    public ProviderReport? Report(string name)
    {
        lock (_sync)
        {
            if (!_providers.TryGetValue(name, out var known) || known.Latest is not { } latest)
                return null;
            var move = Settle(name, known);
            return new ProviderReport(latest, move, known.Active?.TokenHost, ReferenceEquals(known.Active, latest));
        }
    }

    /// <summary>The newest document of this name, whether it is in use or not; null if there is none.</summary>
    public ResolvedDocument? FindDocument(string name)
    {
        lock (_sync)
            return _providers.GetValueOrDefault(name)?.Latest;
    }

    /// <summary>The names of the documents of a source.</summary>
    public IReadOnlyList<string> NamesFrom(DocumentSource source)
    {
        lock (_sync)
            return [.. _documents.Where(named => named.Value.Exists(document => document.Source == source)).Select(named => named.Key)];
    }

    /// <summary>Adds a document, or replaces that of the same name and source.</summary>
    /// <returns>The names of the providers for which something changed.</returns>
    public IReadOnlyList<string> Set(SourceDocument document)
    {
        ArgumentNullException.ThrowIfNull(document);
        lock (_sync)
            return Change(document.Source, [(document.Name, document)]);
    }

    /// <summary>Removes a document.</summary>
    /// <returns>As <see cref="Set"/>.</returns>
    public IReadOnlyList<string> Remove(DocumentSource source, string name)
    {
        lock (_sync)
            return Change(source, [(name, null)]);
    }

    /// <summary>Replaces all documents of a source.</summary>
    /// <returns>As <see cref="Set"/>.</returns>
    public IReadOnlyList<string> Replace(DocumentSource source, IReadOnlyCollection<SourceDocument> documents)
    {
        lock (_sync)
        {
            var names = documents.Select(document => document.Name).ToHashSet(StringComparer.Ordinal);
            var gone = _documents.Where(named => !names.Contains(named.Key) && named.Value.Exists(document => document.Source == source)).Select(named => (named.Key, (SourceDocument?)null));
            return Change(source, [.. gone, .. documents.Select(document => (document.Name, (SourceDocument?)document))]);
        }
    }

    private List<string> Change(DocumentSource source, List<(string Name, SourceDocument? Document)> changes)
    {
        foreach (var (name, document) in changes)
            Put(source, name, document);
        return [.. WithDependents(changes.Select(change => change.Name)).Where(Resolve)];
    }

    private void Put(DocumentSource source, string name, SourceDocument? document)
    {
        if (!_documents.TryGetValue(name, out var sources))
            _documents[name] = sources = [];
        sources.RemoveAll(other => other.Source == source);
        if (document is not null)
            sources.Insert(sources.FindIndex(other => other.Source < source) is >= 0 and var index ? index : sources.Count, document);
        if (sources.Count == 0)
            _documents.Remove(name);
    }

    /// <summary>The names, and those of all documents that build on one of them.</summary>
    private HashSet<string> WithDependents(IEnumerable<string> names)
    {
        var found = names.ToHashSet(StringComparer.Ordinal);
        var hasGrown = true;
        while (hasGrown)
        {
            hasGrown = false;
            foreach (var (name, sources) in _documents)
                hasGrown |= sources.Exists(document => document.Base is { } extended && found.Contains(extended)) && found.Add(name);
        }

        return found;
    }

    /// <summary>Resolves the documents of a name again. False if nothing changed.</summary>
    private bool Resolve(string name)
    {
        var latest = _documents.TryGetValue(name, out var sources) ? ProviderResolver.Resolve(sources, _documents) : null;
        if (!_providers.TryGetValue(name, out var known))
            _providers[name] = known = new KnownProvider();
        if (latest is null ? known.Latest is null : known.Latest?.SaysTheSameAs(latest) == true)
        {
            known.Latest = latest;
            return false;
        }

        // An object that has used no provider of this name yet uses the old one until this moment.
        if (_users.AreKnown)
            Settle(name, known);
        known.Latest = latest;
        if (latest is null)
        {
            known.LastHost = HasUsers(name) ? known.Active?.TokenHost ?? known.LastHost : null;
            known.Use(null);
        }
        else if (_users.AreKnown)
        {
            Settle(name, known);
        }

        return true;
    }

    /// <summary>Takes the newest document into use, if it may be used.</summary>
    /// <returns>The move that stands against it, or null.</returns>
    private EndpointMove? Settle(string name, KnownProvider known)
    {
        if (ReferenceEquals(known.Active, known.Latest) || known.Latest is not { IsValid: true } latest)
            return null;
        var from = known.Active?.TokenHost ?? known.LastHost ?? latest.Source.LastHost;
        // The leader has recorded the host that its accounts are at. A standby may have missed why.
        var isAllowed = from is null || from == latest.TokenHost || latest.Source.LastHost == latest.TokenHost || latest.ReadProvider()!.TakesAccountsFrom(from);
        if (!isAllowed && HasUsers(name))
            return new EndpointMove(from!, latest.TokenHost!);
        known.Use(latest);
        return null;
    }

    private bool HasUsers(string name) => !_users.AreKnown || _users.Count(name) > 0;

    /// <summary>What is known of one name.</summary>
    private sealed class KnownProvider
    {
        /// <summary>What the documents say; null if there is none any more.</summary>
        public ResolvedDocument? Latest { get; set; }

        /// <summary>What is in use, which is valid; null if nothing is.</summary>
        public ResolvedDocument? Active { get; private set; }

        /// <summary>What <see cref="Active"/> says. It is read when someone asks for it, and then kept.</summary>
        public ProviderDocument? Document
        {
            get => field ??= Active?.ReadProvider();
            private set;
        }

        /// <summary>The provider of <see cref="Active"/>, once someone has used it.</summary>
        public ITokenProvider? Provider { get; set; }

        /// <summary>The host of a document that was removed.</summary>
        public string? LastHost { get; set; }

        /// <summary>Takes a document into use. What was made of the previous one stays if both say the same.</summary>
        public void Use(ResolvedDocument? document)
        {
            if (document is null || Active?.Fingerprint != document.Fingerprint || Active.Source.MovesFrom != document.Source.MovesFrom)
                (Document, Provider) = (null, null);
            Active = document;
        }
    }
}
