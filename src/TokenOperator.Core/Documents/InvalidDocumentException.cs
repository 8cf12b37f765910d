namespace TokenOperator.Core.Documents;

/// <summary>
/// A file, a Secret's key or a stored document is not what was expected. The message says where, what was found and
/// what was expected, and repeats nothing of the content.
/// </summary>
public sealed class InvalidDocumentException(string message) : Exception(message);
