// Writes Secrets and reads their metadata; never their data.
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
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
public sealed class SecretPublisher(ResourceClient api, IResourceCache<SecretInfo> secrets, IResourceCache<V1Beta1OAuthToken> entities, ILeadershipGuard guard)
{
    /// <summary>
    /// The version of the empty store, which no object ever has. An apply that names it creates a Secret that does not exist, and fails
    /// with 409 for one that does. It is the only way to create by apply without changing what others created in the meantime
    /// (registry/generic/registry/store.go, Update; the same in 1.20 and in 1.37).
    /// </summary>
    private const string OnlyIfAbsent = "1";

    private static readonly ResourceKind Kind = ResourceKind.Of<V1Secret>();

    /// <summary>Does to the Secret what <paramref name="desired"/> says, and deletes the one that an earlier spec named.</summary>
    public async Task<SecretResult> PublishAsync(V1Beta1OAuthToken owner, TokenRequest request, DesiredState desired, CancellationToken cancellationToken)
    {
        var name = request.SecretName;
        var old = owner.Status?.SecretName;
        var result = desired.Secret switch
        {
            SecretAction.Withdraw => await WithdrawAsync(owner, [name, old], cancellationToken),
            SecretAction.Write => await WriteAsync(owner, request, desired.Account!.Token, desired.Exports, cancellationToken),
            _ => await KeepAsync(owner, request, cancellationToken),
        };
        return result.Outcome == SecretOutcome.UpToDate && old is not null && old != name
            ? await DeleteOwnAsync(owner, old, cancellationToken) ?? result
            : result;
    }

    private static SecretResult LeadershipLost { get; } = new(SecretOutcome.LeadershipLost);

    /// <summary>Writes the token unless the Secret holds it already.</summary>
    private async Task<SecretResult> WriteAsync(
        V1Beta1OAuthToken owner, TokenRequest request, TokenSet token, IReadOnlyDictionary<string, string> exports, CancellationToken cancellationToken)
    {
        var manifest = new SecretManifest(owner, request, token, exports);
        var known = secrets.Get(manifest.Key);
        if (Refusal(manifest.Key, known, owner) is { } conflict)
            return conflict;
        if (known is { Mark: { Intact: true } mark } && mark.ContentHash == manifest.ContentHash && mark.Exports == manifest.ExportCount && HasRightOwners(mark, manifest))
            return new SecretResult(SecretOutcome.UpToDate);

        try
        {
            return await ApplyAsync(manifest, owner, known, cancellationToken);
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.Conflict)
        {
            return await WriteAgainAsync(manifest, owner, token, cancellationToken);
        }
        catch (Exception e) when (e is ApiException or ApiUnavailableException)
        {
            return Failed(manifest.Key, e, token);
        }
    }

    /// <summary>
    /// Says whether the Secret exists, and does not change its content. With secretDeletionPolicy Orphan, the Secret still loses its owner: the
    /// object is likely to be deleted next, perhaps because no token can be written. Without it, a reference under an earlier version of the API
    /// gets the current one.
    /// </summary>
    private async Task<SecretResult> KeepAsync(V1Beta1OAuthToken owner, TokenRequest request, CancellationToken cancellationToken)
    {
        var key = new NamespacedName(owner.Metadata.NamespaceProperty, request.SecretName);
        if (secrets.Get(key) is not { Mark: { } mark } known || OtherOwner(key, mark, owner) is not null)
            return new SecretResult(SecretOutcome.Missing);
        var keep = request.OrphansSecret ? null : owner.Metadata.Uid;
        if (keep is null ? !mark.HasOtherOwners(null) : !mark.IsControlledUnderOtherVersion(keep))
            return new SecretResult(SecretOutcome.Untouched);
        if (!guard.IsLeader)
            return LeadershipLost;
        try
        {
            secrets.Observe(await CorrectOwnersAsync(key, owner, known.ResourceVersion, keep, cancellationToken), owner.Key());
            return new SecretResult(SecretOutcome.Untouched);
        }
        catch (Exception e) when (e is ApiException or ApiUnavailableException)
        {
            return Failed(key, e);
        }
    }

    /// <summary>Deletes this object's Secrets of these names: their token may no longer be used.</summary>
    private async Task<SecretResult> WithdrawAsync(V1Beta1OAuthToken owner, IEnumerable<string?> names, CancellationToken cancellationToken)
    {
        foreach (var name in names.OfType<string>().Distinct())
        {
            if (await DeleteOwnAsync(owner, name, cancellationToken) is { } obstacle)
                return obstacle;
        }

        return new SecretResult(SecretOutcome.Missing);
    }

    /// <summary>Deletes the Secret of this name if it is this object's.</summary>
    /// <returns>Null, or why it was not deleted.</returns>
    private async Task<SecretResult?> DeleteOwnAsync(V1Beta1OAuthToken owner, string name, CancellationToken cancellationToken)
    {
        var key = new NamespacedName(owner.Metadata.NamespaceProperty, name);
        if (secrets.Get(key)?.Mark is not { } mark || !IsWrittenFor(mark, owner))
            return null;
        if (!guard.IsLeader)
            return LeadershipLost;
        try
        {
            await api.DeleteAsync(Kind, key, mark.Uid, cancellationToken);
            return null;
        }
        catch (ApiException e) when (e.StatusCode == HttpStatusCode.Conflict)
        {
            // Another Secret has that name now. This object must not delete it.
            return null;
        }
        catch (ApiException e) when (IsDenied(e))
        {
            return new SecretResult(SecretOutcome.Denied, ConditionMessages.SecretDeletionDenied(key, ConditionMessages.ServerSays(e.Message)));
        }
    }

    /// <summary>The watch was behind: reads once whose the Secret is, and acts on that.</summary>
    private async Task<SecretResult> WriteAgainAsync(SecretManifest manifest, V1Beta1OAuthToken owner, TokenSet token, CancellationToken cancellationToken)
    {
        try
        {
            var there = await api.GetAsync<PartialObjectMetadata>(Kind, manifest.Key, cancellationToken);
            var known = there is null ? null : SecretInfo.From(there);
            return Refusal(manifest.Key, known, owner) ?? await ApplyAsync(manifest, owner, known, cancellationToken);
        }
        catch (Exception e) when (e is ApiException or ApiUnavailableException)
        {
            return Failed(manifest.Key, e, token);
        }
    }

    private async Task<SecretResult> ApplyAsync(SecretManifest manifest, V1Beta1OAuthToken owner, SecretInfo? known, CancellationToken cancellationToken)
    {
        if (!guard.IsLeader)
            return LeadershipLost;
        if (known?.Mark is { } mark && mark.HasOtherOwners(manifest.OwnerUid))
            known = await CorrectOwnersAsync(manifest.Key, owner, known.ResourceVersion, manifest.OwnerUid, cancellationToken);
        var body = manifest.ToApply(known?.Mark?.Uid, known is null ? OnlyIfAbsent : known.ResourceVersion);
        var written = await api.ApplyAsync<PartialObjectMetadata>(Kind, manifest.Key, body, force: true, subresource: null, cancellationToken);
        secrets.Observe(SecretInfo.From(written), owner.Key());
        return new SecretResult(SecretOutcome.UpToDate);
    }

    /// <summary>
    /// Removes the references to OAuthTokens other than the one with the uid <paramref name="keep"/>, which gets the current version of the API.
    /// An apply removes only references that no one else has written, and a backup tool writes all of them. The API server always refuses a
    /// second controller (422).
    /// </summary>
    private async Task<SecretInfo> CorrectOwnersAsync(NamespacedName key, V1Beta1OAuthToken owner, string seen, string? keep, CancellationToken cancellationToken)
    {
        // The list is replaced as a whole, so the references of others are read first. The version is the one on which the decision rests.
        var there = await api.GetAsync<PartialObjectMetadata>(Kind, key, cancellationToken);
        var left = (there?.Metadata.OwnerReferences ?? [])
            .Where(reference => !SecretInfo.IsOAuthToken(reference) || reference.Uid == keep)
            .Select(JsonNode? (reference) => new JsonObject
            {
                ["apiVersion"] = SecretInfo.IsOAuthToken(reference) ? V1Beta1OAuthToken.GroupVersion : reference.ApiVersion,
                ["kind"] = reference.Kind,
                ["name"] = reference.Name,
                ["uid"] = reference.Uid,
                ["controller"] = reference.Controller,
                ["blockOwnerDeletion"] = reference.BlockOwnerDeletion,
            })
            .ToArray();
        var patch = new JsonObject
        {
            ["metadata"] = new JsonObject
            {
                ["resourceVersion"] = seen,
                ["ownerReferences"] = new JsonArray(left),
                // The reference can be the only mark of a Secret that an older version wrote.
                ["annotations"] = new JsonObject { [SecretInfo.WrittenForAnnotation] = SecretInfo.WrittenForValue(key, owner.Metadata.Name) },
            },
        };
        return SecretInfo.From(await api.MergePatchAsync<PartialObjectMetadata>(Kind, key, patch, cancellationToken));
    }

    private static bool HasRightOwners(SecretInfo.OperatorMark mark, SecretManifest manifest) =>
        !mark.HasOtherOwners(manifest.OwnerUid) && (manifest.OwnerUid is null || (mark.IsControlledBy(manifest.OwnerUid) && !mark.IsControlledUnderOtherVersion(manifest.OwnerUid)));

    /// <summary>True if the Secret was written for this very object, so that this object may delete it.</summary>
    private static bool IsWrittenFor(SecretInfo.OperatorMark mark, V1Beta1OAuthToken owner) =>
        mark.IsControlledBy(owner.Metadata.Uid)
        || (!mark.Owners.Any(other => other.IsController) && mark.WrittenFor == owner.Metadata.Name);

    /// <summary>Why the Secret must not be changed for <paramref name="owner"/>, or null.</summary>
    private SecretResult? Refusal(NamespacedName key, SecretInfo? known, V1Beta1OAuthToken owner) =>
        known is null ? null
        : known.Mark is not { } mark ? new SecretResult(SecretOutcome.Conflict, ConditionMessages.SecretOfOthers(key))
        : OtherOwner(key, mark, owner) is not { } other ? null
        : new SecretResult(
            SecretOutcome.Conflict,
            other.IsOAuthToken ? ConditionMessages.SecretOfOAuthToken(key, other.Name) : ConditionMessages.SecretOfController(key, other.Kind, other.Name));

    /// <summary>
    /// The owner to whom a Secret of the operator belongs instead of to <paramref name="owner"/>, or null. The Secret was written for this object,
    /// or for one that is gone. If two objects name the same Secret, it belongs to the one for which it was written, as long as that one
    /// exists. A Secret that lost its owner in a restore belongs to the object that its annotation names, as long as that one wants it.
    /// </summary>
    private SecretOwner? OtherOwner(NamespacedName key, SecretInfo.OperatorMark mark, V1Beta1OAuthToken owner)
    {
        if (mark.Owners.FirstOrDefault(other => other.IsController) is { } controller)
        {
            var isOwn = controller.IsOAuthToken
                && (controller.Uid == owner.Metadata.Uid || controller.Name == owner.Metadata.Name || Find(key.Namespace, controller.Name)?.Metadata.Uid != controller.Uid);
            return isOwn ? null : controller;
        }

        return mark.WrittenFor is { } name && name != owner.Metadata.Name && Find(key.Namespace, name) is { } other && TokenRequest.SecretNameOf(other) == key.Name
            ? new SecretOwner(V1Beta1OAuthToken.GroupVersion, V1Beta1OAuthToken.KindName, name, other.Metadata.Uid, IsController: false, IsOAuthToken: true)
            : null;
    }

    private V1Beta1OAuthToken? Find(string ns, string name) => entities.Get(new NamespacedName(ns, name));

    /// <summary>
    /// True if the same request would be denied again: the Secret is immutable, or a policy, a quota or missing rights prevent the write. A
    /// namespace that is being deleted denies everything, and no action is needed.
    /// </summary>
    private static bool IsDenied(ApiException error) =>
        (int)error.StatusCode is >= 400 and < 500
        && error.StatusCode is not (HttpStatusCode.Unauthorized or HttpStatusCode.NotFound or HttpStatusCode.RequestTimeout or HttpStatusCode.Conflict or HttpStatusCode.TooManyRequests)
        && !error.Causes.Contains("NamespaceTerminating");

    private static SecretResult Failed(NamespacedName key, Exception error, TokenSet? token = null)
    {
        // A policy can quote what it denies.
        var access = token?.AccessToken;
        var encoded = access is null ? null : new SecretValue(Convert.ToBase64String(Encoding.UTF8.GetBytes(access.Reveal())));
        var text = ConditionMessages.ServerSays(error.Message, access, encoded);
        return error is not ApiException rejection || !IsDenied(rejection) ? new(SecretOutcome.Failed, ConditionMessages.SecretNotWritten(key, text))
            : error.Message.Contains("immutable", StringComparison.Ordinal) ? new(SecretOutcome.Denied, ConditionMessages.SecretImmutable(key))
            : new(SecretOutcome.Denied, ConditionMessages.SecretDenied(key, text));
    }
}
