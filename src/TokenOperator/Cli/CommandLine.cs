// The verbs of token-operator. This folder may use everything, through the services that it composes.
using System.CommandLine;
using System.CommandLine.Parsing;
using k8s.Exceptions;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Settings;
using TokenOperator.Postgres;

namespace TokenOperator.Cli;

/// <summary>Parses the command line, and turns an error into one sentence and an exit code.</summary>
public static class CommandLine
{
    private const string RunVerb = "run";

    /// <summary>Runs the verb that <paramref name="args"/> name, or <c>run</c> if they name none.</summary>
    /// <returns>One of <see cref="ExitCodes"/>.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        var parsed = Build().Parse(args);
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors)
                await Console.Error.WriteLineAsync($"token-operator: {error.Message}");
            await Console.Error.WriteLineAsync($"Run: {PathOf(parsed.CommandResult)} --help");
            return ExitCodes.BadInput;
        }

        // Errors are for the person who typed the command: a sentence, no stack trace.
        var invocation = new InvocationConfiguration { EnableDefaultExceptionHandler = false };
        // By default, the process ends 2 s after a signal even if work is unfinished. The host of run has a time limit of its own.
        if (parsed.CommandResult.Command is RootCommand or { Name: RunVerb })
            invocation.ProcessTerminationTimeout = Timeout.InfiniteTimeSpan;
        return await parsed.InvokeAsync(invocation);
    }

    /// <summary>The command as it is typed, such as <c>token-operator accounts allow</c>.</summary>
    private static string PathOf(CommandResult command) =>
        command.Parent is CommandResult parent ? $"{PathOf(parent)} {command.Command.Name}" : "token-operator";

    private static RootCommand Build()
    {
        var root = new RootCommand(
            "Keeps OAuth access tokens fresh: refreshes them, keeps refresh tokens in Postgres, and writes short-lived access tokens to Secrets.\n\n"
            + "Without a verb the operator runs. Settings come from the environment; see docs/configuration.md.");
        var run = new Command(RunVerb, "Run the operator (the default).");
        run.SetAction((_, cancellationToken) => GuardAsync(() => RunCommand.ExecuteAsync(cancellationToken), cancellationToken));
        root.SetAction((_, cancellationToken) => GuardAsync(() => RunCommand.ExecuteAsync(cancellationToken), cancellationToken));
        root.Subcommands.Add(run);
        root.Subcommands.Add(Migrate());
        root.Subcommands.Add(Seed());
        root.Subcommands.Add(Accounts());
        root.Subcommands.Add(Keys());
        var version = new Command("version", "Print the version.");
        version.SetAction(_ => Console.Out.WriteLine($"token-operator {BuildInfo.Version}"));
        root.Subcommands.Add(version);
        return root;
    }

    private static Command Migrate()
    {
        var yes = new Option<bool>("--yes") { Description = "Do it: what up made is dropped, and with a table that up made also the tokens in it." };
        var up = new Command("up", "Bring the table to this version. A table oauth_tokens that is there already is adopted, with its rows.");
        up.SetAction((_, cancellationToken) => GuardAsync(() => MigrateCommand.UpAsync(cancellationToken), cancellationToken));
        var down = new Command("down", "Undo all that up did, and only that: an adopted table keeps its rows.") { yes };
        down.SetAction((parsed, cancellationToken) => GuardAsync(() => MigrateCommand.DownAsync(parsed.GetValue(yes), cancellationToken), cancellationToken));
        var status = new Command("status", "Say which version the database has and which this program wants.");
        status.SetAction((_, cancellationToken) => GuardAsync(() => MigrateCommand.StatusAsync(cancellationToken), cancellationToken));
        return new Command("migrate", "Look after the table oauth_tokens in Postgres.") { up, down, status };
    }

    private static Command Seed()
    {
        var file = new Argument<string>("FILE") { Description = "A token file (token.json of google-auth, gcloud, rclone, Node googleapis and others), or - for standard input." };
        var provider = new Option<string>("--provider") { Description = "Name of the provider.", DefaultValueFactory = _ => "google" };
        var account = new Option<string>("--account") { Description = "The account's name, as in spec.account.", Required = true };
        var ns = new Option<string?>("--namespace", "-n") { Description = "The namespace that may use the account. Without it the account belongs to nobody until it is allowed." };
        var replace = new Option<bool>("--replace") { Description = "Replace the tokens of an account that still works." };
        var command = new Command("seed", "Import a token file into Postgres. A running operator picks it up within seconds.\n\nExample: token-operator seed token.json --account marcus --namespace mail")
        {
            file, provider, account, ns, replace,
        };
        command.SetAction((parsed, cancellationToken) => GuardAsync(() => SeedCommand.ExecuteAsync(
            parsed.GetRequiredValue(file), new(parsed.GetRequiredValue(provider), parsed.GetRequiredValue(account)), parsed.GetValue(ns), parsed.GetValue(replace), cancellationToken), cancellationToken));
        return command;
    }

    private static Command Accounts()
    {
        var list = new Command("list", "List the accounts, which namespaces may use them, and how they are. Never shows a token.");
        list.SetAction((_, cancellationToken) => GuardAsync(() => AccountsCommand.ListAsync(cancellationToken), cancellationToken));
        var provider = new Argument<string>("PROVIDER") { Description = "Name of the provider, such as google." };
        var account = new Argument<string>("ACCOUNT") { Description = "The account's name." };
        var ns = new Option<string>("--namespace", "-n") { Description = "The namespace that may use it.", Required = true };
        var allow = new Command("allow", "Let a namespace use an account.\n\nExample: token-operator accounts allow google marcus --namespace mail") { provider, account, ns };
        allow.SetAction((parsed, cancellationToken) => GuardAsync(() => AccountsCommand.AllowAsync(
            new(parsed.GetRequiredValue(provider), parsed.GetRequiredValue(account)), parsed.GetRequiredValue(ns), cancellationToken), cancellationToken));
        var denied = new Option<string>("--namespace", "-n") { Description = "The namespace that may not use it.", Required = true };
        var deny = new Command(
            "deny",
            "Keep a namespace from an account, until it is allowed again: its Secret is deleted, and its seed Secret does not get it back.\n\nExample: token-operator accounts deny google marcus --namespace mail") { provider, account, denied };
        deny.SetAction((parsed, cancellationToken) => GuardAsync(() => AccountsCommand.DenyAsync(
            new(parsed.GetRequiredValue(provider), parsed.GetRequiredValue(account)), parsed.GetRequiredValue(denied), cancellationToken), cancellationToken));
        var release = new Command(
            "release",
            "Take an account from all its namespaces. It goes to the next that is allowed, or whose seed Secret holds the same refresh token.\n\nExample: token-operator accounts release google marcus") { provider, account };
        release.SetAction((parsed, cancellationToken) => GuardAsync(() => AccountsCommand.ReleaseAsync(
            new(parsed.GetRequiredValue(provider), parsed.GetRequiredValue(account)), cancellationToken), cancellationToken));
        return new Command("accounts", "Look after the accounts in Postgres.") { list, allow, deny, release };
    }

    private static Command Keys()
    {
        var folder = new Option<string?>("--folder") { Description = "Write it into a new file of this folder, whose name is the moment. Without it the key is printed." };
        var add = new Command("new", "Make a key.\n\nExample: token-operator keys new --folder /etc/token-operator/keys") { folder };
        add.SetAction((parsed, cancellationToken) => GuardAsync(() => KeysCommand.NewAsync(parsed.GetValue(folder), TimeProvider.System, cancellationToken), cancellationToken));
        var status = new Command("status", "Say how many rows are under which key. Exit code 1 when a key that is needed is missing.");
        status.SetAction((_, cancellationToken) => GuardAsync(() => KeysCommand.StatusAsync(cancellationToken), cancellationToken));
        var rotate = new Command("rotate", "Bring all rows under the current key, the last in alphabetical order, while the operator runs.");
        rotate.SetAction((_, cancellationToken) => GuardAsync(() => KeysCommand.RotateAsync(cancellationToken), cancellationToken));
        var encrypt = new Command("encrypt", "Encrypt the rows that are in plain text, while the operator runs.");
        encrypt.SetAction((_, cancellationToken) => GuardAsync(() => KeysCommand.EncryptAsync(cancellationToken), cancellationToken));
        var decrypt = new Command("decrypt", "Bring all rows to plain text, for an application that reads them itself. Wants Encryption=None.");
        decrypt.SetAction((_, cancellationToken) => GuardAsync(() => KeysCommand.DecryptAsync(cancellationToken), cancellationToken));
        return new Command("keys", "Look after the keys that the tokens in Postgres are encrypted under: docs/encryption.md.") { add, status, rotate, encrypt, decrypt };
    }

    private static async Task<int> GuardAsync(Func<Task<int>> run, CancellationToken cancellationToken)
    {
        try
        {
            return await run();
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return ExitCodes.Interrupted;
        }
        catch (Exception e) when (e is InvalidSettingException or InvalidDocumentException or KubeConfigException or IOException or UnauthorizedAccessException)
        {
            return await FailAsync(e, ExitCodes.BadInput);
        }
        catch (StoreUnavailableException e)
        {
            return await FailAsync(e, ExitCodes.Unavailable);
        }
        catch (Exception e) when (e is SchemaException or UnreadableRowException)
        {
            return await FailAsync(e, ExitCodes.Failed);
        }
    }

    private static async Task<int> FailAsync(Exception error, int code)
    {
        foreach (var sentence in error is InvalidSettingException { Errors: var errors } ? errors : [error.Message])
            await Console.Error.WriteLineAsync($"token-operator: {sentence}");
        return code;
    }
}
