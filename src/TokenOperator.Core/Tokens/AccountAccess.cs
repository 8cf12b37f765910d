namespace TokenOperator.Core.Tokens;

/// <summary>A namespace that uses an account, or asks to.</summary>
/// <param name="Namespace">Its name.</param>
/// <param name="Uid">Its UID: a namespace that is deleted and created again has another one. Null if it is not known.</param>
public readonly record struct AccountUser(string Namespace, string? Uid);

/// <summary>Who may use an account. Pure: every change returns a new value.</summary>
/// <param name="Namespaces">The namespaces that may use it; empty if it belongs to no namespace.</param>
/// <param name="Denied">The namespaces that an administrator denied access to it.</param>
/// <param name="Uids">The recorded UIDs, each as <c>namespace/uid</c>.</param>
public sealed record AccountAccess(IReadOnlyList<string> Namespaces, IReadOnlyList<string> Denied, IReadOnlyList<string> Uids)
{
    /// <summary>Nobody may use it, and nobody is denied access.</summary>
    public static AccountAccess None { get; } = new([], [], []);

    /// <summary>True if nothing is recorded.</summary>
    public bool IsEmpty => Namespaces.Count == 0 && Denied.Count == 0 && Uids.Count == 0;

    /// <summary>The access that <paramref name="account"/> grants.</summary>
    public static AccountAccess Of(AccountRecord account) => new(account.Namespaces ?? [], account.DeniedNamespaces, account.NamespaceUids);

    /// <summary>The UID that is recorded for the namespace <paramref name="ns"/>, or null.</summary>
    public static string? UidOf(IReadOnlyList<string> uids, string ns) =>
        uids.FirstOrDefault(uid => IsOf(uid, ns)) is { } found ? found[(ns.Length + 1)..] : null;

    /// <summary>The word of an administrator: the namespace may use the account, whichever namespace has that name. Its UID is recorded at its next use.</summary>
    public AccountAccess Allow(string ns) => new(With(Namespaces, ns), Without(Denied, ns), WithoutUid(ns));

    /// <summary>The word of an administrator: the namespace may not use the account.</summary>
    public AccountAccess Deny(string ns) => new(Without(Namespaces, ns), With(Denied, ns), WithoutUid(ns));

    /// <summary>No namespace may use the account any more. Denials stay.</summary>
    public AccountAccess Release() => new([], Denied, []);

    /// <summary>
    /// Gives an account of no namespace to <paramref name="user"/>, which holds the same refresh token, or records that <paramref name="user"/>
    /// is the namespace that has the name now. Null if the account belongs to another namespace, or this one is denied access.
    /// </summary>
    public AccountAccess? AllowByProof(AccountUser user) =>
        Denied.Contains(user.Namespace) || (Namespaces.Count > 0 && !Namespaces.Contains(user.Namespace)) ? null
            : this with { Namespaces = With(Namespaces, user.Namespace), Uids = WithUid(user) };

    /// <summary>Gives an account of no namespace to <paramref name="user"/>, whose seed it holds. Otherwise nothing changes.</summary>
    public AccountAccess Import(AccountUser? user) =>
        user is { } importer && Namespaces.Count == 0 ? AllowByProof(importer) ?? this : this;

    /// <summary>Records the UID of a namespace that may use the account and of which none is recorded. Null if it may not, or one is.</summary>
    public AccountAccess? Record(AccountUser user) =>
        user.Uid is not null && Namespaces.Contains(user.Namespace) && !Denied.Contains(user.Namespace) && UidOf(Uids, user.Namespace) is null
            ? this with { Uids = WithUid(user) }
            : null;

    private List<string> WithUid(AccountUser user) => user.Uid is { } uid ? [.. WithoutUid(user.Namespace), $"{user.Namespace}/{uid}"] : WithoutUid(user.Namespace);

    private List<string> WithoutUid(string ns) => [.. Uids.Where(uid => !IsOf(uid, ns))];

    private static bool IsOf(string uid, string ns) => uid.Length > ns.Length && uid[ns.Length] == '/' && uid.StartsWith(ns, StringComparison.Ordinal);

    private static IReadOnlyList<string> With(IReadOnlyList<string> names, string ns) => names.Contains(ns) ? names : [.. names, ns];

    private static List<string> Without(IReadOnlyList<string> names, string ns) => [.. names.Where(name => name != ns)];
}
