using System.Runtime.CompilerServices;
using KubeRuntime;
using TokenOperator.TestBed;

namespace TokenOperator.Tests.Architecture;

/// <summary>Holds the code to one type per name, so that a name in a message, a stack trace or a search means one thing.</summary>
public sealed class TypeNameTests
{
    private static readonly Type[] Types =
    [
        .. DependencyTests.Projects.Values.Append(typeof(Demo).Assembly).Append(typeof(TypeNameTests).Assembly)
            .SelectMany(assembly => assembly.GetTypes())
            .Where(IsWritten),
    ];

    [Fact]
    public void A_name_of_a_type_occurs_once() => Types
        .GroupBy(type => type.Name)
        .Where(group => group.Count() > 1 && !group.All(type => IsCaseOfUnion(type) || IsPartOfCustomResource(type)))
        .Select(group => $"{group.Key}: {string.Join(", ", group.Select(type => type.FullName))}")
        .Should().BeEmpty("a name that is used twice needs a longer one");

    [Fact]
    public void Cases_of_unions_and_parts_of_custom_resources_may_share_names_because_they_are_named_with_their_owner()
    {
        Types.Should().Contain(type => IsCaseOfUnion(type) && type.FullName!.Contains("Lookup`1+Found"));
        Types.Where(IsPartOfCustomResource).Select(type => type.Name).Should().Contain(["EntitySpec", "EntityStatus"]);
    }

    /// <summary>A nested type that derives from the abstract type around it is named together with that: <c>Lookup.Found</c>.</summary>
    private static bool IsCaseOfUnion(Type type) =>
        type is { DeclaringType: { IsAbstract: true } union, BaseType: { } parent } && Definition(parent) == union;

    /// <summary>The spec or the status of the custom resource in which the type is nested: the convention of KubeOps.</summary>
    private static bool IsPartOfCustomResource(Type type) =>
        type.DeclaringType?.BaseType is { IsGenericType: true } entity
        && Definition(entity) == typeof(CustomKubernetesEntity<,>)
        && entity.GetGenericArguments().Contains(type);

    private static Type Definition(Type type) => type.IsGenericType ? type.GetGenericTypeDefinition() : type;

    /// <summary>False for what the compiler and source generators add.</summary>
    private static bool IsWritten(Type type) =>
        !type.Name.Contains('<', StringComparison.Ordinal)
        && !type.IsDefined(typeof(CompilerGeneratedAttribute), inherit: false)
        && (type.DeclaringType is { } outer ? IsWritten(outer) : NamespaceGraph.IsWritten(type));
}
