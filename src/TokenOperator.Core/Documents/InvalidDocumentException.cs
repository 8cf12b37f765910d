namespace TokenOperator.Core.Documents;

/// <summary>
/// A file, a key of a Secret or a stored document is not what was expected. The message says where, what was found and what was
/// expected, and never repeats the content.
/// </summary>
public sealed class InvalidDocumentException(string message) : Exception(message);
