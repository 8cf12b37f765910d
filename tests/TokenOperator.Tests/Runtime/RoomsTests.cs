using System.Reflection;
using System.Reflection.Emit;
using TokenOperator.Runtime;

namespace TokenOperator.Tests.Runtime;

public sealed class RoomsTests
{
    private const string Room = "TokenOperator.Runtime";

    private static readonly Dictionary<short, OpCode> OpCodesByValue = typeof(OpCodes)
        .GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(f => (OpCode)f.GetValue(null)!)
        .ToDictionary(o => o.Value);

    private const BindingFlags All =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    [Fact]
    public void The_runtime_knows_nothing_of_tokens()
    {
        var types = typeof(NamespacedName).Assembly.GetTypes().Where(t => t.Namespace is not null && IsOurs(t)).ToList();

        var used = types.SelectMany(UsedBy).Where(u => u.Used.Assembly == typeof(NamespacedName).Assembly && !IsOurs(u.Used));

        types.Should().HaveCountGreaterThan(30);
        used.Select(u => $"{u.By} uses {u.Used}").Distinct().Should().BeEmpty();
    }

    [Fact]
    public void The_check_above_sees_what_a_method_uses()
    {
        UsedBy(typeof(RoomsTests)).Select(u => u.Used).Should().Contain(typeof(NamespacedName)).And.Contain(typeof(OpCodes));
    }

    // Compiler-generated types of the global namespace (inline arrays, static data) belong to nobody.
    private static bool IsOurs(Type type) =>
        type.Namespace is null || type.Namespace == Room || type.Namespace.StartsWith(Room + ".", StringComparison.Ordinal);

    private static IEnumerable<(Type By, Type Used)> UsedBy(Type type)
    {
        var signatures = type.GetFields(All).Select(f => f.FieldType)
            .Concat(type.GetInterfaces())
            .Append(type.BaseType)
            .Concat(type.GetMethods(All).Cast<MethodBase>().Concat(type.GetConstructors(All)).SelectMany(UsedByMethod));
        return signatures.OfType<Type>().SelectMany(Parts).Select(used => (type, used));
    }

    private static IEnumerable<Type?> UsedByMethod(MethodBase method)
    {
        foreach (var parameter in method.GetParameters()) yield return parameter.ParameterType;
        if (method is MethodInfo info) yield return info.ReturnType;
        if (method.GetMethodBody() is not { } body) yield break;
        foreach (var local in body.LocalVariables) yield return local.LocalType;
        foreach (var member in Members(method, body.GetILAsByteArray() ?? []))
        {
            yield return member as Type ?? member.DeclaringType;
            if (member is MethodInfo { IsGenericMethod: true } generic)
            {
                foreach (var argument in generic.GetGenericArguments()) yield return argument;
            }
        }
    }

    private static IEnumerable<MemberInfo> Members(MethodBase method, byte[] il)
    {
        var typeArguments = method.DeclaringType!.IsGenericType ? method.DeclaringType.GetGenericArguments() : null;
        var methodArguments = method.IsGenericMethod ? method.GetGenericArguments() : null;
        for (var at = 0; at < il.Length;)
        {
            var value = il[at] == 0xFE ? unchecked((short)(0xFE00 | il[at + 1])) : il[at];
            var code = OpCodesByValue[value];
            at += code.Size;
            if (code.OperandType is OperandType.InlineMethod or OperandType.InlineField or OperandType.InlineType or OperandType.InlineTok)
            {
                if (method.Module.ResolveMember(BitConverter.ToInt32(il, at), typeArguments, methodArguments) is { } member) yield return member;
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
        if (type.HasElementType) return Parts(type.GetElementType()!);
        return type.IsGenericType ? type.GetGenericArguments().SelectMany(Parts).Append(type.GetGenericTypeDefinition()) : [type];
    }
}
