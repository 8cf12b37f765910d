using Microsoft.Extensions.DependencyInjection;
using TokenOperator.Storage;
using TokenOperator.Tokens;

namespace TokenOperator.Commands;

/// <summary><c>token-operator accounts</c>: who may use which account.</summary>
public static class AccountsCommand
{
    /// <summary>Prints a table.</summary>
    public static async Task<int> ListAsync(CancellationToken ct)
    {
        await using var services = StoreServices.Create();
        await services.GetRequiredService<IMigrator>().UpAsync(ct);
        var accounts = await services.GetRequiredService<ITokenStore>().ListAsync(ct);
        Table.Print(
        [
            ["PROVIDER", "ACCOUNT", "NAMESPACES", "EXPIRES", "FAILURES", "REASON"],
            .. accounts.OrderBy(a => a.Key.Provider, StringComparer.Ordinal).ThenBy(a => a.Key.Account, StringComparer.Ordinal).Select(Row),
        ]);
        return ExitCodes.Ok;
    }

    /// <summary>Lets <paramref name="ns"/> use the account.</summary>
    public static async Task<int> AllowAsync(AccountKey key, string ns, CancellationToken ct)
    {
        NamespaceName.Check(ns);
        await using var services = StoreServices.Create();
        await services.GetRequiredService<IMigrator>().UpAsync(ct);
        if (await services.GetRequiredService<ITokenStore>().AllowAsync(key, ns, ct) is not { } allowed)
        {
            await Console.Error.WriteLineAsync($"token-operator: there is no account {key}. token-operator accounts list shows those that there are.");
            return ExitCodes.NotFound;
        }

        Console.Out.WriteLine($"Namespaces that may use {key}: {string.Join(", ", allowed.Namespaces ?? [])}");
        return ExitCodes.Ok;
    }

    private static string[] Row(AccountRecord account) =>
    [
        account.Key.Provider,
        account.Key.Account,
        account.Namespaces is { Count: > 0 } namespaces ? string.Join(",", namespaces) : "-",
        Timestamps.Format(account.Token.ExpiresAt) ?? "-",
        $"{account.Failure?.Count ?? 0}",
        account.Failure?.Kind.ToString() ?? "-",
    ];
}
