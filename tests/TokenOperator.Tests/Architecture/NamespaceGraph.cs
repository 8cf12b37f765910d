using System.Reflection;
using System.Reflection.Emit;

namespace TokenOperator.Tests.Architecture;

/// <summary>A use of one type by another.</summary>
internal sealed record TypeUse(Type By, Type Used)
{
    public override string ToString() => $"{By.Namespace} -> {Used.Namespace} ({By.Name} uses {Used.Name})";
}

/// <summary>
/// Which namespaces of an assembly use which others, by the signatures, attributes and method bodies of its types. Constants and enum
/// members leave no trace in a method body, so they are not seen.
/// </summary>
internal static class NamespaceGraph
{
    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly Dictionary<short, OpCode> OpCodesByValue = typeof(OpCodes)
        .GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!)
        .ToDictionary(code => code.Value);

    /// <summary>A cycle between the namespaces of <paramref name="assembly"/>, with an example for each step; empty when there is none.</summary>
    public static IReadOnlyList<TypeUse> FindCycle(Assembly assembly)
    {
        // One example for each pair of namespaces.
        var edges = UsesIn(assembly)
            .DistinctBy(use => (use.By.Namespace, use.Used.Namespace))
            .ToLookup(use => use.By.Namespace!);
        var done = new HashSet<string>();
        foreach (var start in edges.Select(group => group.Key))
        {
            if (FindCycle(start, edges, [], done) is { Count: > 0 } cycle)
                return cycle;
        }

        return [];
    }

    /// <summary>All uses of one namespace of <paramref name="assembly"/> by another.</summary>
    public static IEnumerable<TypeUse> UsesIn(Assembly assembly) =>
        from type in assembly.GetTypes()
        where IsWritten(type)
        from used in UsedBy(type)
        where used.Assembly == assembly && IsWritten(used) && used.Namespace != type.Namespace
        select new TypeUse(type, used);

    private static IReadOnlyList<TypeUse> FindCycle(string at, ILookup<string, TypeUse> edges, IReadOnlyList<TypeUse> path, HashSet<string> done)
    {
        var seenAt = path.TakeWhile(use => use.By.Namespace != at).Count();
        if (seenAt < path.Count)
            return [.. path.Skip(seenAt)];
        if (done.Contains(at))
            return [];
        foreach (var use in edges[at])
        {
            if (FindCycle(use.Used.Namespace!, edges, [.. path, use], done) is { Count: > 0 } cycle)
                return cycle;
        }

        done.Add(at);
        return [];
    }

    /// <summary>False for a type that the compiler or a source generator adds in a namespace of its own.</summary>
    internal static bool IsWritten(Type type) =>
        type.Namespace is { } name
        && !name.StartsWith("System", StringComparison.Ordinal) && !name.StartsWith("Microsoft", StringComparison.Ordinal);

    private static IEnumerable<Type> UsedBy(Type type)
    {
        var methods = type.GetMethods(Declared).Cast<MethodBase>().Concat(type.GetConstructors(Declared)).ToList();
        return type.GetFields(Declared).Select(field => field.FieldType)
            .Concat(type.GetInterfaces())
            .Append(type.BaseType)
            .Concat(type.GetGenericArguments().SelectMany(argument => argument.GetGenericParameterConstraints()))
            .Concat(type.GetMembers(Declared).Append(type).SelectMany(UsedByAttributes))
            .Concat(methods.SelectMany(UsedByMethod))
            .OfType<Type>().SelectMany(Parts).Where(used => !used.IsGenericParameter);
    }

    private static IEnumerable<Type?> UsedByAttributes(MemberInfo member) => member.CustomAttributes.SelectMany(
        attribute => attribute.ConstructorArguments.Select(argument => argument.Value as Type).Append(attribute.AttributeType));

    private static IEnumerable<Type?> UsedByMethod(MethodBase method)
    {
        foreach (var parameter in method.GetParameters())
            yield return parameter.ParameterType;
        if (method is MethodInfo info)
            yield return info.ReturnType;
        if (method.IsGenericMethodDefinition)
        {
            foreach (var constraint in method.GetGenericArguments().SelectMany(argument => argument.GetGenericParameterConstraints()))
                yield return constraint;
        }

        if (method.GetMethodBody() is not { } body)
            yield break;
        foreach (var local in body.LocalVariables)
            yield return local.LocalType;
        foreach (var clause in body.ExceptionHandlingClauses.Where(clause => clause.Flags == ExceptionHandlingClauseOptions.Clause))
            yield return clause.CatchType;
        foreach (var member in MembersIn(method, body.GetILAsByteArray() ?? []))
        {
            yield return member as Type ?? member.DeclaringType;
            if (member is MethodInfo { IsGenericMethod: true } generic)
            {
                foreach (var argument in generic.GetGenericArguments())
                    yield return argument;
            }
        }
    }

    private static IEnumerable<MemberInfo> MembersIn(MethodBase method, byte[] il)
    {
        var typeArguments = method.DeclaringType!.IsGenericType ? method.DeclaringType.GetGenericArguments() : null;
        var methodArguments = method.IsGenericMethod ? method.GetGenericArguments() : null;
        for (var at = 0; at < il.Length;)
        {
            var code = OpCodesByValue[il[at] == 0xFE ? unchecked((short)(0xFE00 | il[at + 1])) : il[at]];
            at += code.Size;
            if (code.OperandType is OperandType.InlineMethod or OperandType.InlineField or OperandType.InlineType or OperandType.InlineTok
                && method.Module.ResolveMember(BitConverter.ToInt32(il, at), typeArguments, methodArguments) is { } member)
            {
                yield return member;
            }

            at += code.OperandType switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + (4 * BitConverter.ToInt32(il, at)),
                _ => 4,
            };
        }
    }

    private static IEnumerable<Type> Parts(Type type)
    {
        if (type.HasElementType)
            return Parts(type.GetElementType()!);
        return type.IsGenericType ? type.GetGenericArguments().SelectMany(Parts).Append(type.GetGenericTypeDefinition()) : [type];
    }
}
