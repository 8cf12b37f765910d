namespace TokenOperator.Postgres.Encryption;

/// <summary>The keyring, or the setting that names it, cannot be used. The message names setting, folder and file, and never a key.</summary>
public sealed class KeyringException(string message) : Exception(message);
