// The verbs of token-operator. This folder may use everything, through the services that it composes.
using System.CommandLine;
using System.CommandLine.Parsing;
using k8s.Exceptions;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Settings;
using TokenOperator.Postgres;
using TokenOperator.Providers.Checks;

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
        // By default, the process ends 2 s after a signal even if work is unfinished. The host of run has its own time limit.
        if (parsed.CommandResult.Command is RootCommand or { Name: RunVerb })
            invocation.ProcessTerminationTimeout = Timeout.InfiniteTimeSpan;
        return await parsed.InvokeAsync(invocation);
    }

    /// <summary>The command as the user types it, such as <c>token-operator accounts allow</c>.</summary>
    private static string PathOf(CommandResult command) =>
        command.Parent is CommandResult parent ? $"{PathOf(parent)} {command.Command.Name}" : "token-operator";

    private static RootCommand Build()
    {
        var root = new RootCommand(
            "Keeps OAuth access tokens fresh: refreshes them, keeps refresh tokens in Postgres, and writes short-lived access tokens to Secrets.\n\n"
            + "Without a command, the operator runs. Settings come from the environment; see docs/configuration.md.");
        var run = new Command(RunVerb, "Run the operator (the default).");
        run.SetAction((_, cancellationToken) => GuardAsync(() => RunCommand.ExecuteAsync(cancellationToken), cancellationToken));
        root.SetAction((_, cancellationToken) => GuardAsync(() => RunCommand.ExecuteAsync(cancellationToken), cancellationToken));
        root.Subcommands.Add(run);
        root.Subcommands.Add(Migrate());
        root.Subcommands.Add(Seed());
        root.Subcommands.Add(Accounts());
        root.Subcommands.Add(Keys());
        root.Subcommands.Add(Backup());
        root.Subcommands.Add(Provider());
        var version = new Command("version", "Print the version.");
        version.SetAction(_ => Console.Out.WriteLine($"token-operator {BuildInfo.Version}"));
        root.Subcommands.Add(version);
        return root;
    }

    private static Command Migrate()
    {
        var yes = new Option<bool>("--yes") { Description = "Confirm: everything that up created is dropped. If up created the table, the tokens in it are dropped, too." };
        var up = new Command("up", "Migrate the table to this version. An existing table oauth_tokens is adopted with its rows.");
        up.SetAction((_, cancellationToken) => GuardAsync(() => MigrateCommand.UpAsync(cancellationToken), cancellationToken));
        var to = new Option<long?>("--to") { Description = "Undo only the steps after this version, for an earlier version of the operator: its migrate status shows the version that it needs. The rows stay." };
        var down = new Command("down", "Undo everything that up did, and nothing else. An adopted table keeps its rows. Stop the operator before.") { yes, to };
        down.SetAction((parsed, cancellationToken) => GuardAsync(() => MigrateCommand.DownAsync(parsed.GetValue(yes), parsed.GetValue(to), cancellationToken), cancellationToken));
        var status = new Command("status", "Show the version of the database and the version that this program needs.");
        status.SetAction((_, cancellationToken) => GuardAsync(() => MigrateCommand.StatusAsync(cancellationToken), cancellationToken));
        return new Command("migrate", "Manage the table oauth_tokens in Postgres.") { up, down, status };
    }

    private static Command Seed()
    {
        var file = new Argument<string>("FILE") { Description = "A token file (token.json of google-auth, gcloud, rclone, Node googleapis and others), or - for standard input." };
        var provider = new Option<string>("--provider") { Description = "Name of the provider.", DefaultValueFactory = _ => "google" };
        var account = new Option<string>("--account") { Description = "The account's name, as in spec.account.", Required = true };
        var ns = new Option<string?>("--namespace", "-n") { Description = "The namespace that may use the account. Without it, no namespace may use the account until you allow one." };
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
        var list = new Command("list", "List the accounts, the namespaces that may use them, and their state. Never shows a token.");
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
            "Deny a namespace the use of an account until you allow it again. Its Secret is deleted, and its seed Secret does not restore it.\n\nExample: token-operator accounts deny google marcus --namespace mail") { provider, account, denied };
        deny.SetAction((parsed, cancellationToken) => GuardAsync(() => AccountsCommand.DenyAsync(
            new(parsed.GetRequiredValue(provider), parsed.GetRequiredValue(account)), parsed.GetRequiredValue(denied), cancellationToken), cancellationToken));
        var release = new Command(
            "release",
            "Remove an account from all its namespaces. The next namespace that you allow gets it, or one whose seed Secret holds the same refresh token.\n\nExample: token-operator accounts release google marcus") { provider, account };
        release.SetAction((parsed, cancellationToken) => GuardAsync(() => AccountsCommand.ReleaseAsync(
            new(parsed.GetRequiredValue(provider), parsed.GetRequiredValue(account)), cancellationToken), cancellationToken));
        var one = new Option<string?>("--namespace", "-n") { Description = "Only this namespace. Without it, all namespaces." };
        var rebind = new Command(
            "rebind",
            "Forget the UIDs of the namespaces that may use the accounts, after the namespaces were created again, as in a restored cluster: docs/backup.md. The next OAuthToken in such a namespace records the new UID.\n\nExample: token-operator accounts rebind --namespace mail") { one };
        rebind.SetAction((parsed, cancellationToken) => GuardAsync(() => AccountsCommand.RebindAsync(parsed.GetValue(one), cancellationToken), cancellationToken));
        return new Command("accounts", "Manage the accounts in Postgres.") { list, allow, deny, release, rebind };
    }

    private static Command Keys()
    {
        var folder = new Option<string?>("--folder") { Description = "Write the key to a new file in this folder, named after the current time. Without it, the key is printed." };
        var add = new Command("new", "Create a key.\n\nExample: token-operator keys new --folder /etc/token-operator/keys") { folder };
        add.SetAction((parsed, cancellationToken) => GuardAsync(() => KeysCommand.NewAsync(parsed.GetValue(folder), TimeProvider.System, cancellationToken), cancellationToken));
        var status = new Command("status", "Show how many rows are encrypted with each key. The exit code is 1 if a key that is needed is missing.");
        status.SetAction((_, cancellationToken) => GuardAsync(() => KeysCommand.StatusAsync(cancellationToken), cancellationToken));
        var rotate = new Command("rotate", "Encrypt all rows with the current key, the last in alphabetical order. The operator can keep running.");
        rotate.SetAction((_, cancellationToken) => GuardAsync(() => KeysCommand.RotateAsync(cancellationToken), cancellationToken));
        var encrypt = new Command("encrypt", "Encrypt the rows that are in plain text, and those that are not bound to the generation of their row. Trusts what the table contains. The operator can keep running.");
        encrypt.SetAction((_, cancellationToken) => GuardAsync(() => KeysCommand.EncryptAsync(cancellationToken), cancellationToken));
        var decrypt = new Command("decrypt", "Decrypt all rows to plain text, for an application that reads them itself. Needs Encryption=None.");
        decrypt.SetAction((_, cancellationToken) => GuardAsync(() => KeysCommand.DecryptAsync(cancellationToken), cancellationToken));
        return new Command("keys", "Manage the keys that encrypt the tokens in Postgres: docs/encryption.md.") { add, status, rotate, encrypt, decrypt };
    }

    private static Command Backup()
    {
        var verify = new Command(
            "verify",
            "Open every row of a restored copy with the mounted keys. Asks no provider and writes nothing. The exit code is 1 if a row cannot be opened.");
        verify.SetAction((_, cancellationToken) => GuardAsync(() => BackupCommand.VerifyAsync(cancellationToken), cancellationToken));
        return new Command("backup", "Check a backup of the rows in Postgres: docs/backup.md.") { verify };
    }

    private static Command Provider()
    {
        var name = new Argument<string>("NAME") { Description = "The name of the provider, such as google." };
        var client = new Option<string?>("--client-file") { Description = ProviderCheckInput.Descriptions.Client };
        var token = new Option<string?>("--token-file") { Description = ProviderCheckInput.Descriptions.Token };
        var key = new Option<string?>("--key-file") { Description = ProviderCheckInput.Descriptions.Key };
        var certificate = new Option<string?>("--certificate-file") { Description = ProviderCheckInput.Descriptions.Certificate };
        var keyId = new Option<string?>("--key-id") { Description = ProviderCheckInput.Descriptions.KeyId };
        var yes = new Option<bool>("--yes") { Description = ProviderCheckInput.Descriptions.Yes };
        var check = new Command(
            "check",
            "Compare the document of a provider with its discovery document and, with a client and an account that you offer, with what it does. Every request is shown before it is sent.\n\nExample: token-operator provider check google --client-file credentials.json --token-file token.json")
        {
            name, client, token, key, certificate, keyId, yes,
        };
        check.SetAction((parsed, cancellationToken) => GuardAsync(
            () => ProviderCommand.CheckAsync(
                parsed.GetRequiredValue(name),
                new ProviderCheckInput(parsed.GetValue(client), parsed.GetValue(token), parsed.GetValue(yes))
                {
                    KeyFile = parsed.GetValue(key),
                    CertificateFile = parsed.GetValue(certificate),
                    KeyId = parsed.GetValue(keyId),
                },
                cancellationToken),
            cancellationToken));
        return new Command("provider", "Find out what a provider of OAuth tokens does: docs/provider-check.md.") { check };
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
