using TokenOperator.Api;
using TokenOperator.Providers;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.Registry;

namespace TokenOperator.ProviderSources;

/// <summary>Messages about documents. Pure: values in, text out.</summary>
public static class DocumentMessages
{
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
