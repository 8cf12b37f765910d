using System.Reflection;
using System.Reflection.Emit;

namespace TokenOperator.Tests.Architecture;

/// <summary>Which namespace of an assembly uses which other one: in signatures, attributes' types, local variables and instructions.</summary>
internal static class NamespaceGraph
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly Dictionary<short, OpCode> OpCodesByValue = typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!).ToDictionary(code => code.Value);

    /// <summary>The namespaces that <paramref name="assembly"/> declares, each with those of the assembly that it uses, and examples of both types.</summary>
    public static Dictionary<string, Dictionary<string, string>> Of(Assembly assembly)
    {
        var graph = new Dictionary<string, Dictionary<string, string>>();
        foreach (var type in assembly.GetTypes().Where(type => type.Namespace?.StartsWith("System", StringComparison.Ordinal) == false))
        {
            var uses = graph.TryGetValue(type.Namespace!, out var known) ? known : graph[type.Namespace!] = [];
            foreach (var used in UsedTypes(type).SelectMany(Parts).Where(used => used.Assembly == assembly && used.Namespace is not null && used.Namespace != type.Namespace))
                uses.TryAdd(used.Namespace!, $"{type.FullName} uses {used.FullName}");
        }

        return graph;
    }

    /// <summary>For each namespace that takes part in a cycle, the uses that close it.</summary>
    public static IReadOnlyList<string> Cycles(Assembly assembly)
    {
        var graph = Of(assembly);
        bool Reaches(string from, string to, HashSet<string> seen) =>
            seen.Add(from) && graph.TryGetValue(from, out var uses) && (uses.ContainsKey(to) || uses.Keys.Any(next => Reaches(next, to, seen)));
        return
        [
            .. from node in graph
               from use in node.Value
               where Reaches(use.Key, node.Key, [])
               select $"{node.Key} -> {use.Key}: {use.Value}",
        ];
    }

    private static IEnumerable<Type> UsedTypes(Type type)
    {
        IEnumerable<Type?> types =
        [
            type.BaseType,
            .. type.GetInterfaces(),
            .. type.GetFields(Declared).Select(field => field.FieldType),
            .. type.GetProperties(Declared).Select(property => property.PropertyType),
            .. type.GetMethods(Declared).SelectMany(method => method.GetParameters().Select(parameter => parameter.ParameterType).Append(method.ReturnType)),
            .. type.GetConstructors(Declared).SelectMany(constructor => constructor.GetParameters()).Select(parameter => parameter.ParameterType),
            .. type.GetMethods(Declared).Cast<MethodBase>().Concat(type.GetConstructors(Declared)).SelectMany(BodyTypes),
        ];
        return types.OfType<Type>();
    }

    private static IEnumerable<Type?> BodyTypes(MethodBase method)
    {
        if (method.GetMethodBody() is not { } body || body.GetILAsByteArray() is not { } code)
            yield break;
        foreach (var local in body.LocalVariables)
            yield return local.LocalType;
        foreach (var clause in body.ExceptionHandlingClauses.Where(clause => clause.Flags == ExceptionHandlingClauseOptions.Clause))
            yield return clause.CatchType;
        for (var at = 0; at < code.Length;)
        {
            var opCode = OpCodesByValue[code[at] == 0xFE ? unchecked((short)(0xFE00 | code[++at])) : code[at]];
            at++;
            if (opCode.OperandType is OperandType.InlineField or OperandType.InlineMethod or OperandType.InlineTok or OperandType.InlineType)
            {
                foreach (var used in MemberTypes(Resolve(method, BitConverter.ToInt32(code, at))))
                    yield return used;
            }

            at += opCode.OperandType switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + (4 * BitConverter.ToInt32(code, at)),
                _ => 4,
            };
        }
    }

    private static MemberInfo? Resolve(MethodBase method, int token) => method.Module.ResolveMember(
        token,
        method.DeclaringType is { IsGenericType: true } type ? type.GetGenericArguments() : null,
        method.IsGenericMethod ? method.GetGenericArguments() : null);

    private static IEnumerable<Type?> MemberTypes(MemberInfo? member) => member switch
    {
        Type type => [type],
        MethodInfo { IsGenericMethod: true } method => [.. method.GetGenericArguments(), method.DeclaringType, method.ReturnType],
        MethodInfo method => [method.DeclaringType, method.ReturnType],
        FieldInfo field => [field.DeclaringType, field.FieldType],
        _ => [member?.DeclaringType],
    };

    private static IEnumerable<Type> Parts(Type type) =>
        type.HasElementType ? Parts(type.GetElementType()!)
        : type.IsConstructedGenericType ? type.GetGenericArguments().SelectMany(Parts).Append(type.GetGenericTypeDefinition())
        : [type];
}
