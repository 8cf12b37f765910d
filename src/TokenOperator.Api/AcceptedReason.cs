namespace TokenOperator.Api;

/// <summary>A reason of the condition Accepted of a ClusterOAuthProvider. docs/providers.md is generated from <see cref="All"/>.</summary>
/// <param name="Name">The reason.</param>
/// <param name="Meaning">What it means, for docs/providers.md.</param>
/// <param name="WhatToDo">What to do, for docs/providers.md.</param>
public sealed record AcceptedReason(string Name, string Meaning, string WhatToDo)
{
    /// <summary>The document is in use.</summary>
    public static AcceptedReason Valid { get; } = new("Valid", "The document is in use.", "Nothing.");

    /// <summary>The document has errors.</summary>
    public static AcceptedReason Invalid { get; } = new(
        "Invalid", "The document is not valid. The message names all errors. A document that was in use before stays in use until the operator restarts.", "Correct the fields that the message names.");

    /// <summary>Parameters have no value.</summary>
    public static AcceptedReason ParametersMissing { get; } = new(
        "ParametersMissing", "The document, or the one that it extends, has parameters without a value.", "Set the fields of `spec.parameters` that the message names.");

    /// <summary>Accounts in use would be moved.</summary>
    public static AcceptedReason EndpointMoved { get; } = new(
        "EndpointMoved", "The document names another host for the token endpoint, and OAuthTokens use the provider. A document that was in use before stays in use until the operator restarts.",
        "If the move is right, set the annotation that the message names. Otherwise, restore the address.");

    /// <summary>Another source has the same name.</summary>
    public static AcceptedReason Overridden { get; } = new(
        "Overridden", "The operator's settings have a provider of the same name, which is used instead.", "Give this object another name, or remove those settings.");

    /// <summary>Every reason, in the order of docs/providers.md.</summary>
    public static IReadOnlyList<AcceptedReason> All { get; } = [Valid, Invalid, ParametersMissing, EndpointMoved, Overridden];
}
