using Microsoft.Extensions.DependencyInjection;
using TokenOperator.Core.Cli;
using TokenOperator.Postgres;

namespace TokenOperator.Cli;

/// <summary><c>token-operator backup</c>: finds out whether a restored copy of the database can be used. Asks no provider and writes nothing.</summary>
public static class BackupCommand
{
    /// <summary>Opens every row, and prints how many can be used.</summary>
    public static async Task<int> VerifyAsync(CancellationToken cancellationToken)
    {
        await using var services = StoreServices.Create();
        var schema = await services.GetRequiredService<IMigrator>().StatusAsync(cancellationToken);
        if (schema.Current < schema.Latest)
        {
            await Console.Error.WriteLineAsync(schema.Current == 0
                ? "token-operator: the database has no tables of an operator. Check that DATABASE_URL names the restored copy, and that the restore finished without errors."
                : $"token-operator: the database is at version {schema.Current}, and this program reads version {schema.Latest}. Run token-operator migrate up on the copy, or verify it with the program that wrote it.");
            return ExitCodes.Failed;
        }

        var rows = await services.GetRequiredService<IRowVerifier>().VerifyAsync(cancellationToken);
        foreach (var problem in rows.Problems)
            await Console.Error.WriteLineAsync($"token-operator: {problem}");
        if (rows.Count + rows.Problems.Count == 0)
        {
            await Console.Error.WriteLineAsync("token-operator: the table oauth_tokens has no rows. Check that DATABASE_URL names the restored copy, and that the backup contains the rows.");
            return ExitCodes.Failed;
        }

        Console.Out.WriteLine($"{rows.Count} rows can be opened, {rows.Problems.Count} cannot. {rows.WithoutRefreshToken} of the rows that can be opened hold no refresh token.");
        return rows.Problems.Count == 0 ? ExitCodes.Ok : ExitCodes.Failed;
    }
}
