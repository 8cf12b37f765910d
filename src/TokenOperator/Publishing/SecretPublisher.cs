// Writes Secrets and reads their metadata; never their data.
using System.Net;
using k8s.Models;
using KubeRuntime;
using KubeRuntime.Client;
using KubeRuntime.Watching;
using TokenOperator.Api;
using TokenOperator.Core.Tokens;
using TokenOperator.Refreshing;

namespace TokenOperator.Publishing;

/// <summary>
/// Brings one Secret to what it should be, with one request when it is not and none when it is. Each write names the version
/// that was seen before this process made sure that it still leads: a leader that was paused overwrites nothing of its successor.
/// </summary>
public sealed class SecretPublisher(ResourceClient api, IResourceCache<SecretInfo> secrets, IResourceCache<V1Alpha1OAuthToken> entities, ILeadershipGuard fence)
{
    /// <summary>
    /// The version of the empty store, which no object ever has. An apply that names it creates a Secret that is not there
    /// and is refused with 409 for one that is: the only way to create by apply without touching what others made meanwhile
    /// (registry/generic/registry/store.go, Update; so in 1.20 and in 1.37).
    /// </summary>
    private const string OnlyIfAbsent = "1";

    private static readonly ResourceKind Kind = ResourceKind.Of<V1Secret>();

    /// <summary>Writes the token of <paramref name="token"/> unless the Secret holds it already.</summary>
    public async Task<SecretResult> PublishAsync(V1Alpha1OAuthToken owner, TokenRequest request, TokenSet token, CancellationToken ct)
    {
        var manifest = new SecretManifest(owner, request, token);
        var known = secrets.Get(manifest.Key);
        if (known is not null && !IsOwn(known, owner))
            return Conflict(manifest.Key, known);
        if (known is { Mark.Intact: true } && known.Mark.ContentHash == manifest.ContentHash)
            return new SecretResult(SecretOutcome.Right);

        try
        {
            await ApplyAsync(manifest, owner, known, ct);
            return new SecretResult(SecretOutcome.Right);
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.Conflict)
        {
            return await PublishAgainAsync(manifest, owner, ct);
        }
        catch (Exception e) when (e is ApiException or ApiUnavailableException)
        {
            return Failed(manifest.Key, e);
        }
    }

    /// <summary>Says whether the Secret is there, and leaves it as it is.</summary>
    public SecretResult Look(V1Alpha1OAuthToken owner, string name) =>
        new(secrets.Get(new NamespacedName(owner.Metadata.NamespaceProperty, name)) is { Mark: not null } known && IsOwn(known, owner)
            ? SecretOutcome.Untouched
            : SecretOutcome.Missing);

    /// <summary>Deletes this object's Secrets of these names: their token may not be used any more.</summary>
    public async Task<SecretResult> WithdrawAsync(V1Alpha1OAuthToken owner, IEnumerable<string?> names, CancellationToken ct)
    {
        foreach (var name in names.OfType<string>().Distinct())
            await RetireAsync(owner, name, ct);
        return new SecretResult(SecretOutcome.Missing);
    }

    /// <summary>Deletes the Secret that an earlier spec named, if it is this object's.</summary>
    public async Task RetireAsync(V1Alpha1OAuthToken owner, string name, CancellationToken ct)
    {
        var key = new NamespacedName(owner.Metadata.NamespaceProperty, name);
        if (secrets.Get(key) is not { Mark: { } mark } known || mark.OwnerUid != owner.Metadata.Uid)
            return;
        fence.ThrowIfLost();
        try
        {
            await api.DeleteAsync(Kind, key, known.Uid, ct);
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.Conflict)
        {
            // Another Secret of that name by now: not ours to delete.
        }
    }

    /// <summary>The watch was behind: ask whose the Secret is, once, and act on that.</summary>
    private async Task<SecretResult> PublishAgainAsync(SecretManifest manifest, V1Alpha1OAuthToken owner, CancellationToken ct)
    {
        try
        {
            var there = await api.GetAsync<PartialObjectMetadata>(Kind, manifest.Key, ct);
            var known = there is null ? null : SecretInfo.From(there);
            if (known is not null && !IsOwn(known, owner))
                return Conflict(manifest.Key, known);
            await ApplyAsync(manifest, owner, known, ct);
            return new SecretResult(SecretOutcome.Right);
        }
        catch (Exception e) when (e is ApiException or ApiUnavailableException)
        {
            return Failed(manifest.Key, e);
        }
    }

    private async Task ApplyAsync(SecretManifest manifest, V1Alpha1OAuthToken owner, SecretInfo? known, CancellationToken ct)
    {
        fence.ThrowIfLost();
        var body = known is null ? manifest.ToApply(uid: null, OnlyIfAbsent) : manifest.ToApply(known.Uid, known.ResourceVersion);
        var written = await api.ApplyAsync<PartialObjectMetadata>(Kind, manifest.Key, body, force: true, subresource: null, ct);
        secrets.Observe(SecretInfo.From(written), owner.Key());
    }

    /// <summary>
    /// Made for this object, or for one of the same name that is gone: deleted and created again. While the other one of two
    /// objects that name the same Secret lives, the Secret is that one's.
    /// </summary>
    private bool IsOwn(SecretInfo secret, V1Alpha1OAuthToken owner) =>
        secret.Mark is { } mark
        && (mark.OwnerUid == owner.Metadata.Uid
            || mark.OwnerName == owner.Metadata.Name
            || entities.Get(new NamespacedName(secret.Key.Namespace, mark.OwnerName))?.Metadata.Uid != mark.OwnerUid);

    private static SecretResult Conflict(NamespacedName key, SecretInfo known) => new(
        SecretOutcome.Conflict,
        known.Mark is { } mark
            ? $"Secret {key} belongs to the OAuthToken {mark.OwnerName}. Give each OAuthToken a spec.secretName of its own."
            : $"Secret {key} exists and was not made by the operator, so it is left alone. Delete it, or choose another spec.secretName.");

    private static SecretResult Failed(NamespacedName key, Exception error) =>
        new(SecretOutcome.Failed, $"Secret {key} could not be written: {error.Message} Tried again by itself.");
}
