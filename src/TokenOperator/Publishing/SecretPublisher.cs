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
/// Brings one Secret to its desired state, with one request if it differs and none if it does not. Each write names the version that was
/// seen before this process verified that it still leads, so a leader that was paused overwrites nothing of its successor.
/// </summary>
public sealed class SecretPublisher(ResourceClient api, IResourceCache<SecretInfo> secrets, IResourceCache<V1Alpha1OAuthToken> entities, ILeadershipGuard guard)
{
    /// <summary>
    /// The version of the empty store, which no object ever has. An apply that names it creates a Secret that does not exist, and fails
    /// with 409 for one that does. It is the only way to create by apply without changing what others created in the meantime
    /// (registry/generic/registry/store.go, Update; the same in 1.20 and in 1.37).
    /// </summary>
    private const string OnlyIfAbsent = "1";

    private static readonly ResourceKind Kind = ResourceKind.Of<V1Secret>();

    /// <summary>Does to the Secret what <paramref name="desired"/> says, and deletes the one that an earlier spec named.</summary>
    public async Task<SecretResult> PublishAsync(V1Alpha1OAuthToken owner, TokenRequest request, DesiredState desired, CancellationToken cancellationToken)
    {
        var name = request.SecretName;
        var old = owner.Status?.SecretName;
        var result = desired.Secret switch
        {
            SecretAction.Withdraw => await WithdrawAsync(owner, [name, old], cancellationToken),
            SecretAction.Write => await WriteAsync(owner, request, desired.Account!.Token, cancellationToken),
            _ => Find(owner, name),
        };
        return result.Outcome == SecretOutcome.UpToDate && old is not null && old != name && !await DeleteOwnAsync(owner, old, cancellationToken)
            ? LeadershipLost
            : result;
    }

    private static SecretResult LeadershipLost { get; } = new(SecretOutcome.LeadershipLost);

    /// <summary>Writes the token unless the Secret holds it already.</summary>
    private async Task<SecretResult> WriteAsync(V1Alpha1OAuthToken owner, TokenRequest request, TokenSet token, CancellationToken cancellationToken)
    {
        var manifest = new SecretManifest(owner, request, token);
        var known = secrets.Get(manifest.Key);
        if (known is not null && !IsOwn(known, owner))
            return Conflict(manifest.Key, known);
        if (known is { Mark.Intact: true } && known.Mark.ContentHash == manifest.ContentHash)
            return new SecretResult(SecretOutcome.UpToDate);

        try
        {
            return await ApplyAsync(manifest, owner, known, cancellationToken);
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.Conflict)
        {
            return await WriteAgainAsync(manifest, owner, cancellationToken);
        }
        catch (Exception e) when (e is ApiException or ApiUnavailableException)
        {
            return Failed(manifest.Key, e);
        }
    }

    /// <summary>Says whether the Secret exists, and does not change it.</summary>
    private SecretResult Find(V1Alpha1OAuthToken owner, string name) =>
        new(secrets.Get(new NamespacedName(owner.Metadata.NamespaceProperty, name)) is { Mark: not null } known && IsOwn(known, owner)
            ? SecretOutcome.Untouched
            : SecretOutcome.Missing);

    /// <summary>Deletes this object's Secrets of these names: their token may no longer be used.</summary>
    private async Task<SecretResult> WithdrawAsync(V1Alpha1OAuthToken owner, IEnumerable<string?> names, CancellationToken cancellationToken)
    {
        foreach (var name in names.OfType<string>().Distinct())
        {
            if (!await DeleteOwnAsync(owner, name, cancellationToken))
                return LeadershipLost;
        }

        return new SecretResult(SecretOutcome.Missing);
    }

    /// <summary>Deletes the Secret of this name if it is this object's. False if this process no longer leads.</summary>
    private async Task<bool> DeleteOwnAsync(V1Alpha1OAuthToken owner, string name, CancellationToken cancellationToken)
    {
        var key = new NamespacedName(owner.Metadata.NamespaceProperty, name);
        if (secrets.Get(key) is not { Mark: { } mark } known || mark.OwnerUid != owner.Metadata.Uid)
            return true;
        if (!guard.IsLeader)
            return false;
        try
        {
            await api.DeleteAsync(Kind, key, known.Uid, cancellationToken);
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.Conflict)
        {
            // Another Secret has that name now. This object must not delete it.
        }

        return true;
    }

    /// <summary>The watch was behind: reads once whose the Secret is, and acts on that.</summary>
    private async Task<SecretResult> WriteAgainAsync(SecretManifest manifest, V1Alpha1OAuthToken owner, CancellationToken cancellationToken)
    {
        try
        {
            var there = await api.GetAsync<PartialObjectMetadata>(Kind, manifest.Key, cancellationToken);
            var known = there is null ? null : SecretInfo.From(there);
            if (known is not null && !IsOwn(known, owner))
                return Conflict(manifest.Key, known);
            return await ApplyAsync(manifest, owner, known, cancellationToken);
        }
        catch (Exception e) when (e is ApiException or ApiUnavailableException)
        {
            return Failed(manifest.Key, e);
        }
    }

    private async Task<SecretResult> ApplyAsync(SecretManifest manifest, V1Alpha1OAuthToken owner, SecretInfo? known, CancellationToken cancellationToken)
    {
        if (!guard.IsLeader)
            return LeadershipLost;
        var body = known is null ? manifest.ToApply(uid: null, OnlyIfAbsent) : manifest.ToApply(known.Uid, known.ResourceVersion);
        var written = await api.ApplyAsync<PartialObjectMetadata>(Kind, manifest.Key, body, force: true, subresource: null, cancellationToken);
        secrets.Observe(SecretInfo.From(written), owner.Key());
        return new SecretResult(SecretOutcome.UpToDate);
    }

    /// <summary>
    /// True if the Secret was created for this object, or for one of the same name that was deleted. If two objects name the same Secret,
    /// it belongs to the one for which it was created, as long as that one exists.
    /// </summary>
    private bool IsOwn(SecretInfo secret, V1Alpha1OAuthToken owner) =>
        secret.Mark is { } mark
        && (mark.OwnerUid == owner.Metadata.Uid
            || mark.OwnerName == owner.Metadata.Name
            || entities.Get(new NamespacedName(secret.Key.Namespace, mark.OwnerName))?.Metadata.Uid != mark.OwnerUid);

    private static SecretResult Conflict(NamespacedName key, SecretInfo known) => new(
        SecretOutcome.Conflict,
        known.Mark is { } mark
            ? $"Secret {key} belongs to the OAuthToken {mark.OwnerName}. Give each OAuthToken its own spec.secretName."
            : $"Secret {key} exists and was not created by the operator, so the operator does not change it. Delete it, or choose another spec.secretName.");

    private static SecretResult Failed(NamespacedName key, Exception error) =>
        new(SecretOutcome.Failed, $"Secret {key} could not be written: {error.Message} The operator retries automatically.");
}
