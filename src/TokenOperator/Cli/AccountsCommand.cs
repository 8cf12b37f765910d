using Microsoft.Extensions.DependencyInjection;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;

namespace TokenOperator.Cli;

/// <summary><c>token-operator accounts</c>: which namespaces may use which account.</summary>
public static class AccountsCommand
{
    /// <summary>Prints a table.</summary>
    public static async Task<int> ListAsync(CancellationToken cancellationToken)
    {
        await using var services = StoreServices.Create();
        await services.GetRequiredService<IMigrator>().UpAsync(cancellationToken);
        var accounts = await services.GetRequiredService<ITokenStore>().ListAsync(cancellationToken);
        Table.Print(
        [
            ["PROVIDER", "ACCOUNT", "NAMESPACES", "DENIED", "EXPIRES", "FAILURES", "REASON"],
            .. accounts.OrderBy(a => a.Key.Provider, StringComparer.Ordinal).ThenBy(a => a.Key.Account, StringComparer.Ordinal).Select(Row),
        ]);
        return ExitCodes.Ok;
    }

    /// <summary>Lets <paramref name="ns"/> use the account.</summary>
    public static Task<int> AllowAsync(AccountKey key, string ns, CancellationToken cancellationToken)
    {
        NamespaceName.Check(ns);
        return ChangeAsync(key, store => store.AllowAsync(key, ns, cancellationToken), cancellationToken);
    }

    /// <summary>Denies <paramref name="ns"/> the use of the account.</summary>
    public static Task<int> DenyAsync(AccountKey key, string ns, CancellationToken cancellationToken)
    {
        NamespaceName.Check(ns);
        return ChangeAsync(key, store => store.DenyAsync(key, ns, cancellationToken), cancellationToken);
    }

    /// <summary>Removes the account from all of its namespaces.</summary>
    public static Task<int> ReleaseAsync(AccountKey key, CancellationToken cancellationToken) => ChangeAsync(key, store => store.DisownAsync(key, cancellationToken), cancellationToken);

    /// <summary>
    /// Forgets the UIDs of the namespaces of all accounts, or of one namespace, so that the next use records them: after the namespaces were
    /// created again, as in a cluster that was restored.
    /// </summary>
    public static async Task<int> RebindAsync(string? ns, CancellationToken cancellationToken)
    {
        if (ns is not null)
            NamespaceName.Check(ns);
        await using var services = StoreServices.Create();
        await services.GetRequiredService<IMigrator>().UpAsync(cancellationToken);
        var store = services.GetRequiredService<ITokenStore>();
        var count = 0;
        foreach (var account in await store.ListAsync(cancellationToken))
        {
            foreach (var user in account.Namespaces?.Where(name => ns is null || name == ns) ?? [])
            {
                if (await store.AllowAsync(account.Key, user, cancellationToken) is not null)
                    count++;
            }
        }

        Console.Out.WriteLine($"{count} entries of namespaces were kept without their UIDs. The next OAuthToken in such a namespace records the new one.");
        return ExitCodes.Ok;
    }

    private static async Task<int> ChangeAsync(AccountKey key, Func<ITokenStore, Task<AccountRecord?>> change, CancellationToken cancellationToken)
    {
        await using var services = StoreServices.Create();
        await services.GetRequiredService<IMigrator>().UpAsync(cancellationToken);
        if (await change(services.GetRequiredService<ITokenStore>()) is not { } changed)
        {
            await Console.Error.WriteLineAsync($"token-operator: there is no account {key}. token-operator accounts list shows the existing ones.");
            return ExitCodes.NotFound;
        }

        Console.Out.WriteLine(DisplayText.Line($"Namespaces that may use {key}: {Names(changed.Namespaces)}. Denied: {Names(changed.DeniedNamespaces)}."));
        return ExitCodes.Ok;
    }

    private static string Names(IReadOnlyList<string>? namespaces) => namespaces is { Count: > 0 } ? string.Join(", ", namespaces) : "none";

    private static string[] Row(AccountRecord account) =>
    [
        account.Key.Provider,
        account.Key.Account,
        account.Namespaces is { Count: > 0 } namespaces ? string.Join(",", namespaces) : "-",
        account.DeniedNamespaces.Count > 0 ? string.Join(",", account.DeniedNamespaces) : "-",
        account.Token.NeverExpires ? "never" : Timestamps.Format(account.Token.ExpiresAt) ?? "-",
        $"{account.Failure?.Count ?? 0}",
        account.Failure?.Kind.ToString() ?? "-",
    ];
}
