using k8s.Models;
using KubeRuntime;

namespace KubectlOAuthToken.Kubernetes;

/// <summary>A right to do something in a namespace.</summary>
/// <param name="Verb">Such as <c>patch</c>.</param>
/// <param name="Group">The API group; empty for the core group.</param>
/// <param name="Resource">The plural, such as <c>secrets</c>.</param>
internal sealed record AccessRight(string Verb, string Group, string Resource)
{
    /// <summary>Such as <c>status</c>, or null.</summary>
    public string? Subresource { get; init; }

    /// <summary>The name of one object, or null for all.</summary>
    public string? Name { get; init; }

    /// <summary>As in <c>patch oauthtokens/status</c> or <c>get secrets client</c>.</summary>
    public override string ToString() => $"{Verb} {Resource}{(Subresource is null ? "" : $"/{Subresource}")}{(Name is null ? "" : $" {Name}")}";
}

/// <summary>Asks the API server who has a right.</summary>
internal static class AccessReview
{
    // The classes of KubernetesClient lack the plurals.
    private static readonly ResourceKind SelfReviews = new("authorization.k8s.io", "v1", V1SelfSubjectAccessReview.KubeKind, "selfsubjectaccessreviews");
    private static readonly ResourceKind Reviews = new("authorization.k8s.io", "v1", V1SubjectAccessReview.KubeKind, "subjectaccessreviews");

    /// <summary>Those of <paramref name="rights"/> that the user lacks in the namespace <paramref name="ns"/>.</summary>
    public static Task<IReadOnlyList<AccessRight>> MissingAsync(Cluster cluster, string ns, IEnumerable<AccessRight> rights, CancellationToken cancellationToken) => MissingAsync(
        rights,
        async right =>
        {
            var spec = new V1SelfSubjectAccessReviewSpec { ResourceAttributes = Attributes(right, ns) };
            return (await cluster.Api.CreateAsync(
                SelfReviews, new V1SelfSubjectAccessReview { ApiVersion = SelfReviews.ApiVersion, Kind = SelfReviews.Kind, Spec = spec }, cancellationToken)).Status;
        });

    /// <summary>Those of <paramref name="rights"/> that a ServiceAccount lacks in the namespace <paramref name="ns"/>.</summary>
    /// <exception cref="KubeRuntime.Client.ApiException">The user cannot create SubjectAccessReviews.</exception>
    public static Task<IReadOnlyList<AccessRight>> MissingAsync(Cluster cluster, NamespacedName serviceAccount, string ns, IEnumerable<AccessRight> rights, CancellationToken cancellationToken) => MissingAsync(
        rights,
        async right =>
        {
            var spec = new V1SubjectAccessReviewSpec
            {
                User = $"system:serviceaccount:{serviceAccount.Namespace}:{serviceAccount.Name}",
                Groups = ["system:serviceaccounts", $"system:serviceaccounts:{serviceAccount.Namespace}", "system:authenticated"],
                ResourceAttributes = Attributes(right, ns),
            };
            return (await cluster.Api.CreateAsync(Reviews, new V1SubjectAccessReview { ApiVersion = Reviews.ApiVersion, Kind = Reviews.Kind, Spec = spec }, cancellationToken)).Status;
        });

    private static async Task<IReadOnlyList<AccessRight>> MissingAsync(IEnumerable<AccessRight> rights, Func<AccessRight, Task<V1SubjectAccessReviewStatus?>> review)
    {
        var missing = new List<AccessRight>();
        foreach (var right in rights)
        {
            if ((await review(right))?.Allowed != true)
                missing.Add(right);
        }

        return missing;
    }

    private static V1ResourceAttributes Attributes(AccessRight right, string ns) => new()
    {
        NamespaceProperty = ns,
        Verb = right.Verb,
        Group = right.Group,
        Resource = right.Resource,
        Subresource = right.Subresource,
        Name = right.Name,
    };
}
