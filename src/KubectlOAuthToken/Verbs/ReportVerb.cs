using System.CommandLine;
using System.Globalization;
using KubectlOAuthToken.Output;
using KubectlOAuthToken.Report;
using TokenOperator.Core.Cli;

namespace KubectlOAuthToken.Verbs;

/// <summary><c>report</c>: a support bundle without secrets.</summary>
internal static class ReportVerb
{
    public static Command Build(ClusterOptions options)
    {
        var all = new Option<bool>("--all-namespaces", "-A") { Description = "Report the OAuthTokens of all namespaces." };
        var file = new Option<string?>("--file", "-f") { Description = "The file to write. Default: oauthtoken-report-TIME.tar.gz in the current folder.", HelpName = "file" };
        var operatorNamespace = ClusterOptions.OperatorNamespace();
        var command = new Verb(
            "report",
            "Write a support bundle: statuses, events, the operator's logs, settings and metrics, versions, and the findings of doctor. It contains no secrets. What you have no rights for is missing, and the output says so.",
            "report -n mail",
            "report -A --file report.tar.gz")
        {
            all, file, operatorNamespace,
        };
        options.Bind(command, (context, parsed, cancellationToken) => ExecuteAsync(
            context, parsed.GetValue(all), parsed.GetValue(file), parsed.GetRequiredValue(operatorNamespace), cancellationToken));
        return command;
    }

    private static async Task<int> ExecuteAsync(VerbContext context, bool all, string? file, string operatorNamespace, CancellationToken cancellationToken)
    {
        NamespaceName.Check(operatorNamespace, "--operator-namespace");
        var folder = $"oauthtoken-report-{context.Now.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture)}";
        var path = file ?? $"{folder}.tar.gz";
        if (File.Exists(path))
            throw new PluginException($"The file {path} exists, so nothing was written. Name another one with --file.", ExitCodes.Refused);
        var report = new SupportReport(context.Cluster, all ? "" : context.Cluster.Namespace, operatorNamespace, context.Time);
        var bundle = await report.GatherAsync(folder, cancellationToken);
        await bundle.WriteAsync(path, cancellationToken);
        foreach (var missing in report.Missing)
            await Console.Error.WriteLineAsync($"missing: {missing}");
        Console.Out.WriteLine($"Wrote {path}. It names accounts, namespaces and hosts, so look through it before you send it to someone.");
        return ExitCodes.Ok;
    }
}
