using System.Globalization;
using System.Text;
using TokenOperator.Api;
using TokenOperator.Core.Text;
using TokenOperator.Providers;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.Registry;

namespace TokenOperator.ProviderSources;

/// <summary>Messages about documents. Pure: values in, text out.</summary>
public static class DocumentMessages
{
    /// <summary>
    /// The maximum length of the errors of one document, in characters. It leaves room for a sentence more in the message of a condition, which
    /// can have 32,768 (k8s.io/apimachinery, Condition).
    /// </summary>
    public const int MaxErrorsLength = 30_000;

    /// <summary>Every error of a document in one line. Those for which there is no room are counted.</summary>
    public static string Errors(IReadOnlyList<string> errors)
    {
        ArgumentNullException.ThrowIfNull(errors);
        var text = new StringBuilder();
        var shown = 0;
        foreach (var error in errors.Select(DisplayText.Line).TakeWhile(error => text.Length + error.Length < MaxErrorsLength))
            text.Append(shown++ == 0 ? "" : " ").Append(error);

        if (shown < errors.Count)
            text.Append(errors.Count - shown == 1 ? " There is one more error." : string.Create(CultureInfo.InvariantCulture, $" There are {errors.Count - shown} more errors."));
        return text.ToString();
    }

    /// <summary>A document moves accounts in use to another host, and how to allow it.</summary>
    public static string Move(SourceDocument document, EndpointMove move)
    {
        ArgumentNullException.ThrowIfNull(document);
        ArgumentNullException.ThrowIfNull(move);
        var permission = document.Source switch
        {
            DocumentSource.Cluster => ConditionMessages.AllowMoveCommand(document.Name, move.From),
            DocumentSource.Folder => ConditionMessages.AllowMoveLine(document.Origin, ProviderFolder.MovesFrom, move.From),
            _ => ConditionMessages.AllowMoveSetting(ProviderSettings.AllowEndpointMoveName(document.Name), move.From),
        };
        return ConditionMessages.ProviderMoved(document.Origin, move.From, move.To, permission);
    }
}
