using Microsoft.Extensions.DependencyInjection;
using TokenOperator.Core.Cli;
using TokenOperator.Postgres;

namespace TokenOperator.Cli;

/// <summary><c>token-operator migrate</c>: migrates the schema up or down.</summary>
public static class MigrateCommand
{
    /// <summary>Migrates the schema to the version of this program.</summary>
    public static async Task<int> UpAsync(CancellationToken cancellationToken)
    {
        await using var services = StoreServices.Create(readsKeys: false);
        await services.GetRequiredService<IMigrator>().UpAsync(cancellationToken);
        Console.Out.WriteLine("The table oauth_tokens is up to date.");
        return ExitCodes.Ok;
    }

    /// <summary>Reverts what up did: everything, or the steps after version <paramref name="to"/>.</summary>
    public static async Task<int> DownAsync(bool yes, long? to, CancellationToken cancellationToken)
    {
        if (!yes)
        {
            await Console.Error.WriteLineAsync(
                (to is > 0
                    ? "token-operator: this drops the columns that later versions of the operator added, with what they hold. Refresh tokens stay. "
                    : "token-operator: this drops the operator's columns and, if the operator created the table oauth_tokens, the table with all refresh tokens. ")
                + "Stop the operator, make a backup, and add --yes.");
            return ExitCodes.Refused;
        }

        await using var services = StoreServices.Create(readsKeys: false);
        var migrator = services.GetRequiredService<IMigrator>();
        var status = await migrator.StatusAsync(cancellationToken);
        if (to < 0 || to > status.Current)
        {
            await Console.Error.WriteLineAsync($"token-operator: --to is {to}; expected 0 to {status.Current}, which is the version of the database.");
            return ExitCodes.BadInput;
        }

        await migrator.DownAsync(to ?? 0, cancellationToken);
        Console.Out.WriteLine(to is > 0 ? $"The database is at version {to}." : "Everything that migrate up created has been removed.");
        return ExitCodes.Ok;
    }

    /// <summary>Prints the version of the schema.</summary>
    public static async Task<int> StatusAsync(CancellationToken cancellationToken)
    {
        await using var services = StoreServices.Create(readsKeys: false);
        var status = await services.GetRequiredService<IMigrator>().StatusAsync(cancellationToken);
        Console.Out.WriteLine($"The database is at version {status.Current}; this program needs {status.Latest}.");
        foreach (var step in status.Steps)
            Console.Out.WriteLine($"{(step.Applied ? "applied" : "missing")}   {step.Version}   {step.Description}");
        return ExitCodes.Ok;
    }
}
