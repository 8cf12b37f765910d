using System.Reflection;
using k8s.Models;

namespace KubeRuntime;

/// <summary>Identifies a kind of object to the API server.</summary>
/// <param name="Group">The API group; empty for the core group.</param>
/// <param name="Version">The version within the group, such as <c>v1</c>.</param>
/// <param name="Kind">The kind, as in a manifest.</param>
/// <param name="Plural">The plural, as in a URL.</param>
public sealed record ResourceKind(string Group, string Version, string Kind, string Plural)
{
    /// <summary><c>group/version</c>, or the version alone in the core group.</summary>
    public string ApiVersion => Group.Length == 0 ? Version : $"{Group}/{Version}";

    /// <summary>The kind of <typeparamref name="T"/>, from its <see cref="KubernetesEntityAttribute"/>.</summary>
    /// <exception cref="InvalidOperationException">The class has no such attribute, or it lacks version or plural.</exception>
    public static ResourceKind Of<T>()
    {
        var attribute = typeof(T).GetCustomAttribute<KubernetesEntityAttribute>()
            ?? throw new InvalidOperationException(
                $"{typeof(T).Name} has no [KubernetesEntity] attribute: add one with Group, ApiVersion, Kind and PluralName.");
        if (string.IsNullOrEmpty(attribute.ApiVersion) || string.IsNullOrEmpty(attribute.PluralName))
        {
            throw new InvalidOperationException(
                $"The [KubernetesEntity] attribute of {typeof(T).Name} needs ApiVersion and PluralName.");
        }

        return new(attribute.Group ?? "", attribute.ApiVersion, attribute.Kind ?? typeof(T).Name, attribute.PluralName);
    }

    /// <summary><c>plural.group</c>, as kubectl prints it.</summary>
    public override string ToString() => Group.Length == 0 ? Plural : $"{Plural}.{Group}";
}
