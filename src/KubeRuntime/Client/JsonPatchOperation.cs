namespace KubeRuntime.Client;

/// <summary>One step of a JSON patch (RFC 6902).</summary>
/// <param name="Op"><c>test</c>, <c>add</c>, <c>replace</c> or <c>remove</c>.</param>
/// <param name="Path">A JSON pointer (RFC 6901).</param>
/// <param name="Value">What to test for or to write.</param>
public sealed record JsonPatchOperation(string Op, string Path, object? Value = null);
