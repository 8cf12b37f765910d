using System.Text;
using System.Text.Json.Nodes;
using KubeRuntime;
using TokenOperator.Api;
using TokenOperator.Core.Tokens;

namespace TokenOperator.Publishing;

/// <summary>The Secret as it should be. Pure. It never holds a refresh token, an id_token or a client secret.</summary>
public sealed class SecretManifest
{
    private readonly TokenRequest _request;
    private readonly V1Beta1OAuthToken _owner;
    private readonly (string Key, string Value)[] _data;

    /// <summary>Creates the manifest.</summary>
    /// <param name="owner">The object whose Secret it is.</param>
    /// <param name="request">What its spec asks for.</param>
    /// <param name="token">With an access token, which has a known expiry time or never expires.</param>
    /// <param name="exports">Values to write beside the token, by their key; null for none.</param>
    public SecretManifest(V1Beta1OAuthToken owner, TokenRequest request, TokenSet token, IReadOnlyDictionary<string, string>? exports = null)
    {
        if (token.AccessToken is null || (token.ExpiresAt is null && !token.NeverExpires))
            throw new ArgumentException("There is no access token to publish.", nameof(token));

        _owner = owner;
        _request = request;
        _data =
        [
            ("access_token", token.AccessToken.Reveal()),
            ("token_type", token.TokenType),
            // Empty for a token that never expires: a file or a variable that is missing breaks more programs than an empty one.
            ("expires_at", Timestamps.Format(token.ExpiresAt) ?? ""),
            ("scope", string.Join(' ', token.Scopes)),
            ("provider", request.Key.Provider),
            ("account", request.Key.Account),
            .. (exports ?? TokenSet.NoExports).OrderBy(export => export.Key, StringComparer.Ordinal).Select(export => (export.Key, export.Value)),
        ];
        ExportCount = exports?.Count ?? 0;
        ContentHash = Fingerprint.Of(
            [
                SecretInfo.WrittenForValue(Key, owner.Metadata.Name),
                owner.Metadata.Uid,
                OwnerUid,
                .. _data.SelectMany(d => new[] { d.Key, d.Value }),
                .. Flat(request.Labels),
                null,
                .. Flat(request.Annotations),
            ]);
    }

    /// <summary>How many values are written beside the token.</summary>
    public int ExportCount { get; }

    /// <summary>Fingerprint of everything that is written.</summary>
    public string ContentHash { get; }

    /// <summary>The uid of the OAuthToken that owns the Secret; null if the Secret is to stay when that object is deleted.</summary>
    public string? OwnerUid => _request.OrphansSecret ? null : _owner.Metadata.Uid;

    /// <summary>The Secret to write.</summary>
    public NamespacedName Key => new(_request.Owner.Namespace, _request.SecretName);

    /// <summary>The body of a server-side apply.</summary>
    /// <param name="uid">Apply only to the Secret with this uid; null if there is none.</param>
    /// <param name="resourceVersion">Apply only to this version; null for any.</param>
    public JsonObject ToApply(string? uid, string? resourceVersion)
    {
        var labels = new JsonObject { [SecretInfo.ManagedByLabel] = SecretInfo.Manager };
        var annotations = new JsonObject
        {
            [SecretInfo.ContentHashAnnotation] = ContentHash,
            [SecretInfo.WrittenForAnnotation] = SecretInfo.WrittenForValue(Key, _owner.Metadata.Name),
        };
        foreach (var (name, value) in _request.Labels)
            labels[name] = value;
        foreach (var (name, value) in _request.Annotations)
            annotations[name] = value;

        var metadata = new JsonObject
        {
            ["name"] = Key.Name,
            ["namespace"] = Key.Namespace,
            ["labels"] = labels,
            ["annotations"] = annotations,
        };
        if (OwnerUid is not null)
        {
            metadata["ownerReferences"] = new JsonArray(new JsonObject
            {
                ["apiVersion"] = V1Beta1OAuthToken.GroupVersion,
                ["kind"] = V1Beta1OAuthToken.KindName,
                ["name"] = _owner.Metadata.Name,
                ["uid"] = OwnerUid,
                ["controller"] = true,
                ["blockOwnerDeletion"] = true,
            });
        }

        if (uid is not null)
            metadata["uid"] = uid;
        if (resourceVersion is not null)
            metadata["resourceVersion"] = resourceVersion;

        var data = new JsonObject();
        foreach (var (key, value) in _data)
            data[key] = Convert.ToBase64String(Encoding.UTF8.GetBytes(value));
        return new JsonObject { ["apiVersion"] = "v1", ["kind"] = "Secret", ["metadata"] = metadata, ["type"] = "Opaque", ["data"] = data };
    }

    private static IEnumerable<string> Flat(IReadOnlyDictionary<string, string> entries) =>
        entries.OrderBy(e => e.Key, StringComparer.Ordinal).SelectMany(e => new[] { e.Key, e.Value });
}
