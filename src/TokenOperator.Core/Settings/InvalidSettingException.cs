namespace TokenOperator.Core.Settings;

/// <summary>A setting is missing or wrong. The message names the setting and what was expected, and never a secret value.</summary>
public sealed class InvalidSettingException(string message) : Exception(message);
