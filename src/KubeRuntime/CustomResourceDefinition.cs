using k8s.Models;

namespace KubeRuntime;

/// <summary>The part of a CustomResourceDefinition that says in which versions its objects are stored.</summary>
[KubernetesEntity(Group = "apiextensions.k8s.io", ApiVersion = "v1", Kind = "CustomResourceDefinition", PluralName = "customresourcedefinitions")]
internal sealed class CustomResourceDefinition : CustomKubernetesEntity<CustomResourceDefinition.DefinitionSpec, CustomResourceDefinition.DefinitionStatus>
{
    /// <summary>The version in which the API server stores what is written now; null when there is none.</summary>
    public VersionSpec? StorageVersion => Spec.Versions.FirstOrDefault(version => version.Storage);

    /// <summary>The other versions in which an object can still be stored.</summary>
    public IEnumerable<string> EarlierVersions => Status.StoredVersions.Where(version => version != StorageVersion?.Name);

    internal sealed record DefinitionSpec
    {
        public IReadOnlyList<VersionSpec> Versions { get; init; } = [];
    }

    internal sealed record VersionSpec
    {
        public string Name { get; init; } = "";

        public bool Storage { get; init; }

        public SubresourcesSpec? Subresources { get; init; }
    }

    internal sealed record SubresourcesSpec
    {
        /// <summary>Not null if the status is a subresource of its own.</summary>
        public StatusSubresource? Status { get; init; }
    }

    internal sealed record StatusSubresource;

    internal sealed record DefinitionStatus
    {
        public IReadOnlyList<string> StoredVersions { get; init; } = [];
    }
}
