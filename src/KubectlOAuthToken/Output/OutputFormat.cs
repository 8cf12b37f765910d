using TokenOperator.Core.Cli;
using TokenOperator.Core.Text;

namespace KubectlOAuthToken.Output;

/// <summary>The value of <c>-o</c>, as in kubectl.</summary>
/// <param name="Name">One of <see cref="Names"/>.</param>
/// <param name="Template">The template of <c>jsonpath</c>; null for the other formats.</param>
internal sealed record OutputFormat(string Name, JsonPathTemplate? Template = null)
{
    /// <summary>A table with the problems below it.</summary>
    public static readonly OutputFormat Table = new("table");

    private const string JsonPath = "jsonpath=";
    private const string JsonPathFile = "jsonpath-file=";

    /// <summary>All formats, as the help shows them.</summary>
    public static readonly IReadOnlyList<string> Names = ["table", "wide", "name", "json", "yaml", JsonPath + "TEMPLATE", JsonPathFile + "FILE"];

    /// <summary>Whether people read it, so that it has hints.</summary>
    public bool IsForPeople => Name is "table" or "wide";

    /// <summary>Reads the value of the option.</summary>
    /// <exception cref="PluginException">There is no such format, or the template is not valid.</exception>
    public static OutputFormat Parse(string text)
    {
        if (text is "jsonpath" or JsonPath)
            throw new PluginException("The output format jsonpath needs a template, such as -o jsonpath='{.items[*].metadata.name}'.", ExitCodes.BadInput);
        if (text.StartsWith(JsonPath, StringComparison.Ordinal))
            return new("jsonpath", JsonPathTemplate.Parse(text[JsonPath.Length..]));
        if (text.StartsWith(JsonPathFile, StringComparison.Ordinal))
            return new("jsonpath", JsonPathTemplate.Parse(Read(text[JsonPathFile.Length..])));
        return Names.Contains(text) ? new(text)
            : throw new PluginException($"The output format \"{text}\" does not exist. The formats are: {string.Join(", ", Names)}.{DidYouMean.Suggest(text, Names)}", ExitCodes.BadInput);
    }

    private static string Read(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PluginException($"The template cannot be read: {e.Message}", ExitCodes.BadInput);
        }
    }
}
