using System.CommandLine;

namespace KubectlOAuthToken;

/// <summary>A verb of the plugin.</summary>
/// <param name="name">The verb.</param>
/// <param name="description">One line, for the list of verbs too.</param>
/// <param name="examples">For its help; what follows <c>kubectl oauthtoken</c>.</param>
internal sealed class Verb(string name, string description, params IReadOnlyList<string> examples) : Command(name, description)
{
    /// <summary>What follows <c>kubectl oauthtoken</c> in each example.</summary>
    public IReadOnlyList<string> Examples { get; } = examples;
}
