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
/// <param name="Uid">The uid of this Secret.</param>
/// <param name="ResourceVersion">Changes with each write.</param>
/// <param name="Mark">Present only on a Secret of the operator; null for all others.</param>
public sealed record SecretInfo(NamespacedName Key, string Uid, string ResourceVersion, SecretInfo.OperatorMark? Mark) : ICachedItem
{
    /// <summary>Present on each Secret that the operator wrote.</summary>
    /// <param name="OwnerName">Name of the OAuthToken in its owner reference.</param>
    /// <param name="OwnerUid">Uid of that OAuthToken.</param>
    /// <param name="ContentHash">Fingerprint of what was written.</param>
    /// <param name="Intact">True while the operator is the last one who set each field that it wrote.</param>
    public sealed record OperatorMark(string OwnerName, string OwnerUid, string? ContentHash, bool Intact);

    /// <summary>Label key of the Secrets that the operator writes.</summary>
    public const string ManagedByLabel = "app.kubernetes.io/managed-by";

    /// <summary>Label value of the Secrets that the operator writes, and the field manager that writes them.</summary>
    public const string Manager = "token-operator";

    /// <summary>Annotation with the fingerprint of what was written.</summary>
    public const string ContentHashAnnotation = V1Alpha1OAuthToken.GroupName + "/content-hash";

    /// <summary>Names that the Secret's data must have.</summary>
    public static readonly IReadOnlyList<string> DataKeys = ["access_token", "token_type", "expires_at", "scope", "provider", "account"];

    /// <summary>Extracts what is needed from <paramref name="secret"/>.</summary>
    public static SecretInfo From(PartialObjectMetadata secret)
    {
        var meta = secret.Metadata;
        return new SecretInfo(secret.Key(), meta.Uid, meta.ResourceVersion, MarkOf(meta));
    }

    private static OperatorMark? MarkOf(V1ObjectMeta meta)
    {
        var owner = meta.OwnerReferences?.FirstOrDefault(o =>
            o.Controller == true && o.Kind == V1Alpha1OAuthToken.KindName
            && o.ApiVersion.StartsWith(V1Alpha1OAuthToken.GroupName + "/", StringComparison.Ordinal));
        if (owner is null || meta.Labels is null || !meta.Labels.TryGetValue(ManagedByLabel, out var manager) || manager != Manager)
            return null;

        var hash = meta.Annotations is not null && meta.Annotations.TryGetValue(ContentHashAnnotation, out var found) ? found : null;
        return new OperatorMark(owner.Name, owner.Uid, hash, IsIntact(meta));
    }

    /// <summary>
    /// True if the operator owns each of its data keys, and no one else owns one of them. Then each field has the value that it
    /// applied last, because someone who sets another value takes over the field (server-side apply, "Conflicts"). Keys that others
    /// add do not matter.
    /// </summary>
    private static bool IsIntact(V1ObjectMeta meta)
    {
        var owned = 0;
        foreach (var entry in meta.ManagedFields ?? [])
        {
            if (entry.FieldsV1 is not JsonElement { ValueKind: JsonValueKind.Object } fields)
                continue;
            if (!fields.TryGetProperty("f:data", out var data) || data.ValueKind != JsonValueKind.Object)
                continue;
            var count = DataKeys.Count(key => data.TryGetProperty("f:" + key, out _));
            if (entry.Manager == Manager && entry.Operation == "Apply")
                owned = count;
            else if (count > 0)
                return false;
        }

        return owned == DataKeys.Count;
    }
}
