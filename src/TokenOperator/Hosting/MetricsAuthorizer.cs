using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;
using k8s.Models;
using KubeRuntime;
using KubeRuntime.Client;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace TokenOperator.Hosting;

/// <summary>
/// Asks the API server who a client is (TokenReview), and whether it may get the path /metrics (SubjectAccessReview), as
/// kube-rbac-proxy does. It remembers a permission for 1 min and a refusal for 10 s, and asks about one token at a time, so that
/// clients without a valid token cannot make it flood the API server.
/// </summary>
public sealed partial class MetricsAuthorizer(ResourceClient api, TimeProvider time, ILogger<MetricsAuthorizer> logger) : IDisposable
{
    private const string Scheme = "Bearer ";
    private const int MaxRemembered = 100;
    private static readonly TimeSpan AllowedFor = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan RefusedFor = TimeSpan.FromSeconds(10);

    // The classes of KubernetesClient lack the plurals.
    private static readonly ResourceKind TokenReviews = new("authentication.k8s.io", "v1", V1TokenReview.KubeKind, "tokenreviews");
    private static readonly ResourceKind AccessReviews = new("authorization.k8s.io", "v1", V1SubjectAccessReview.KubeKind, "subjectaccessreviews");

    private readonly SemaphoreSlim _asking = new(1);
    private readonly Lock _using = new();
    private readonly Dictionary<string, (int Status, long Since)> _remembered = new(StringComparer.Ordinal);

    /// <summary>
    /// Decides about the header Authorization of a request: 200 if the client may read the metrics, 401 without a valid token, 403
    /// without the permission, and 503 if the API server cannot be asked.
    /// </summary>
    public async Task<int> AuthorizeAsync(string? header, CancellationToken cancellationToken)
    {
        if (header is null || !header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) || header[Scheme.Length..].Trim() is not { Length: > 0 } token)
            return StatusCodes.Status401Unauthorized;
        // Nothing keeps the token itself.
        var key = Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(token)));
        if (Remembered(key) is { } known)
            return known;
        await _asking.WaitAsync(cancellationToken);
        try
        {
            if (Remembered(key) is { } meanwhile)
                return meanwhile;
            var status = await AskAsync(token, cancellationToken);
            Remember(key, status);
            return status;
        }
        catch (Exception e) when (e is ApiException or ApiUnavailableException)
        {
            LogCannotAsk(e.Message);
            return StatusCodes.Status503ServiceUnavailable;
        }
        finally
        {
            _asking.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _asking.Dispose();

    private async Task<int> AskAsync(string token, CancellationToken cancellationToken)
    {
        var review = await api.CreateAsync(
            TokenReviews,
            new V1TokenReview { ApiVersion = TokenReviews.ApiVersion, Kind = TokenReviews.Kind, Metadata = new(), Spec = new() { Token = token } },
            cancellationToken);
        if (review.Status is not { Authenticated: true, User: { } user })
            return StatusCodes.Status401Unauthorized;
        var access = await api.CreateAsync(
            AccessReviews,
            new V1SubjectAccessReview
            {
                ApiVersion = AccessReviews.ApiVersion,
                Kind = AccessReviews.Kind,
                Metadata = new(),
                Spec = new()
                {
                    User = user.Username,
                    Uid = user.Uid,
                    Groups = user.Groups,
                    Extra = user.Extra,
                    NonResourceAttributes = new() { Path = "/metrics", Verb = "get" },
                },
            },
            cancellationToken);
        return access.Status?.Allowed == true ? StatusCodes.Status200OK : StatusCodes.Status403Forbidden;
    }

    private int? Remembered(string key)
    {
        lock (_using)
        {
            return _remembered.TryGetValue(key, out var known) && IsFresh(known) ? known.Status : null;
        }
    }

    private void Remember(string key, int status)
    {
        lock (_using)
        {
            if (_remembered.Count >= MaxRemembered)
            {
                foreach (var old in _remembered.Where(entry => !IsFresh(entry.Value)).Select(entry => entry.Key).ToList())
                    _remembered.Remove(old);
            }

            if (_remembered.Count >= MaxRemembered)
                _remembered.Clear();
            _remembered[key] = (status, time.GetTimestamp());
        }
    }

    private bool IsFresh((int Status, long Since) known) =>
        time.GetElapsedTime(known.Since) < (known.Status == StatusCodes.Status200OK ? AllowedFor : RefusedFor);

    [LoggerMessage(312, LogLevel.Warning, "A client cannot read the metrics, because the API server did not say who it is and what it may do. The operator's ServiceAccount needs the ClusterRole system:auth-delegator: {Error}")]
    private partial void LogCannotAsk(string error);
}

/// <summary>The JSON of the reviews.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(V1TokenReview))]
[JsonSerializable(typeof(V1SubjectAccessReview))]
internal sealed partial class ReviewJson : JsonSerializerContext;
