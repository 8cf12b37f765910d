using System.Text.Json;
using k8s.Models;
using KubeRuntime;
using KubeRuntime.Watching;
using TokenOperator.Api;

namespace TokenOperator.Publishing;

/// <summary>
/// What the operator caches of each Secret in the cluster, which is never the data. Whether someone changed the data shows in
/// <c>managedFields</c>, where the API server records who set each field last.
/// </summary>
/// <param name="Key">Namespace and name.</param>
/// <param name="ResourceVersion">Changes with each write.</param>
/// <param name="Mark">Present only on a Secret of the operator; null for all others, of which nothing else is kept.</param>
public sealed record SecretInfo(NamespacedName Key, string ResourceVersion, SecretInfo.OperatorMark? Mark) : ICachedItem
{
    /// <summary>Present on each Secret that the operator wrote.</summary>
    /// <param name="Uid">The uid of this Secret.</param>
    /// <param name="WrittenFor">Name of the OAuthToken for which it was written; null if an older version of the operator wrote it.</param>
    /// <param name="ContentHash">Fingerprint of what was written.</param>
    /// <param name="Intact">True while the operator is the last one who set each field that it wrote.</param>
    /// <param name="Owners">The owner references that decide whose it is.</param>
    public sealed record OperatorMark(string Uid, string? WrittenFor, string? ContentHash, bool Intact, IReadOnlyList<SecretOwner> Owners)
    {
        /// <summary>How many further keys the operator wrote and still owns: those that the provider's document exports.</summary>
        public int Exports { get; init; }

        /// <summary>True if the Secret has this object as its controller.</summary>
        public bool IsControlledBy(string uid) => Owners.Any(owner => owner.IsController && owner.IsOAuthToken && owner.Uid == uid);

        /// <summary>
        /// True if the Secret has this object as its controller, under another version of the API. When the API server no longer serves that
        /// version, Kubernetes cannot find the owner, and does not delete the Secret with it.
        /// </summary>
        public bool IsControlledUnderOtherVersion(string uid) => IsControlledBy(uid) && !Owners.Any(owner => owner.Uid == uid && owner.ApiVersion == V1Beta1OAuthToken.GroupVersion);

        /// <summary>True if an OAuthToken other than the one with this uid is among the owners.</summary>
        public bool HasOtherOwners(string? uid) => Owners.Any(owner => owner.IsOAuthToken && owner.Uid != uid);
    }

    /// <summary>Label key of the Secrets that the operator writes. Others can set it, so no decision depends on it.</summary>
    public const string ManagedByLabel = "app.kubernetes.io/managed-by";

    /// <summary>Label value of the Secrets that the operator writes, and the field manager that writes them.</summary>
    public const string Manager = "token-operator";

    /// <summary>Annotation with the fingerprint of what was written.</summary>
    public const string ContentHashAnnotation = V1Beta1OAuthToken.GroupName + "/content-hash";

    /// <summary>
    /// Annotation that says for which OAuthToken and as which Secret it was written: <c>namespace/oauthtoken/secret</c>. It survives a backup.
    /// It does not make a copy of the Secret the operator's, because a copy has another namespace or name.
    /// </summary>
    public const string WrittenForAnnotation = V1Beta1OAuthToken.GroupName + "/written-for";

    /// <summary>Names that the Secret's data must have.</summary>
    public static readonly IReadOnlyList<string> DataKeys = ["access_token", "token_type", "expires_at", "scope", "provider", "account"];

    /// <summary>No name, uid or fingerprint is longer. A longer text is an attempt to fill memory.</summary>
    private const int MaxTextLength = 253;

    /// <summary>No Secret of the operator has more owners. More of them are an attempt to fill memory.</summary>
    private const int MaxOwners = 8;

    /// <summary>Extracts what is needed from <paramref name="secret"/>.</summary>
    public static SecretInfo From(PartialObjectMetadata secret)
    {
        var meta = secret.Metadata;
        // Thousands of Secrets share a namespace.
        var key = secret.Key() with { Namespace = string.Intern(secret.Metadata.NamespaceProperty ?? "") };
        return new SecretInfo(key, meta.ResourceVersion, MarkOf(key, meta));
    }

    /// <summary>The value of <see cref="WrittenForAnnotation"/>.</summary>
    public static string WrittenForValue(NamespacedName secret, string oauthToken) => $"{secret.Namespace}/{oauthToken}/{secret.Name}";

    /// <summary>True for an owner reference to an OAuthToken.</summary>
    public static bool IsOAuthToken(V1OwnerReference owner) =>
        owner.Kind == V1Beta1OAuthToken.KindName && owner.ApiVersion?.StartsWith(V1Beta1OAuthToken.GroupName + "/", StringComparison.Ordinal) == true;

    /// <summary>
    /// Each of three marks suffices: the annotation that names this Secret, the field manager of the data, or, for a Secret that an older
    /// version wrote, the fingerprint together with an OAuthToken as controller.
    /// </summary>
    private static OperatorMark? MarkOf(NamespacedName key, V1ObjectMeta meta)
    {
        var writtenFor = WrittenFor(key, Annotation(meta, WrittenForAnnotation));
        var hash = Annotation(meta, ContentHashAnnotation) is { Length: <= MaxTextLength } fingerprint ? fingerprint : null;
        var (owned, exports, isShared) = DataFields(meta);
        var owners = (meta.OwnerReferences ?? [])
            .Where(owner => owner.Controller == true || IsOAuthToken(owner))
            .OrderByDescending(owner => owner.Controller == true)
            .Take(MaxOwners)
            .Select(owner => new SecretOwner(Short(owner.ApiVersion), Short(owner.Kind), Short(owner.Name), Short(owner.Uid), owner.Controller == true, IsOAuthToken(owner)))
            .ToArray();
        return writtenFor is not null || owned > 0 || (hash is not null && owners.Any(owner => owner is { IsController: true, IsOAuthToken: true }))
            ? new OperatorMark(meta.Uid, writtenFor, hash, owned == DataKeys.Count && !isShared, owners) { Exports = exports }
            : null;
    }

    private static string? Annotation(V1ObjectMeta meta, string name) =>
        meta.Annotations is { } annotations && annotations.TryGetValue(name, out var value) ? value : null;

    private static string Short(string? text) => text is null ? "" : text.Length > MaxTextLength ? text[..MaxTextLength] : text;

    private static string? WrittenFor(NamespacedName key, string? value) =>
        value?.Split('/', 4) is [var ns, { Length: > 0 and <= MaxTextLength } name, var secret] && ns == key.Namespace && secret == key.Name ? name : null;

    /// <summary>
    /// How many data keys the operator owns, of the fixed ones and of others, and whether anyone else owns a fixed one. If it owns all of them alone, each has the value that it
    /// applied last, because someone who sets another value takes over the field (server-side apply, "Conflicts"). Keys that others add do
    /// not matter.
    /// </summary>
    private static (int Owned, int Exports, bool IsShared) DataFields(V1ObjectMeta meta)
    {
        var (owned, exports, isShared) = (0, 0, false);
        foreach (var entry in meta.ManagedFields ?? [])
        {
            if (entry.FieldsV1 is not JsonElement { ValueKind: JsonValueKind.Object } fields)
                continue;
            if (!fields.TryGetProperty("f:data", out var data) || data.ValueKind != JsonValueKind.Object)
                continue;
            var count = DataKeys.Count(key => data.TryGetProperty("f:" + key, out _));
            if (entry.Manager == Manager && entry.Operation == "Apply")
                (owned, exports) = (count, data.EnumerateObject().Count(field => field.Name.StartsWith("f:", StringComparison.Ordinal)) - count);
            else if (count > 0)
                isShared = true;
        }

        return (owned, exports, isShared);
    }
}

/// <summary>An owner reference of a Secret that the operator wrote.</summary>
/// <param name="ApiVersion">Group and version under which the reference names the owner.</param>
/// <param name="Kind">The kind of the owner.</param>
/// <param name="Name">Its name.</param>
/// <param name="Uid">Its uid.</param>
/// <param name="IsController">True for the one owner that controls the Secret.</param>
/// <param name="IsOAuthToken">True for an OAuthToken.</param>
public sealed record SecretOwner(string ApiVersion, string Kind, string Name, string Uid, bool IsController, bool IsOAuthToken);
