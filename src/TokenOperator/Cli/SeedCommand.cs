using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using TokenOperator.Api;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Settings;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;

namespace TokenOperator.Cli;

/// <summary><c>token-operator seed</c>: imports a token file as a row.</summary>
public static class SeedCommand
{
    /// <summary>Reads the file, checks it and imports it.</summary>
    public static async Task<int> ExecuteAsync(string file, AccountKey key, string? ns, bool replace, CancellationToken cancellationToken)
    {
        if (string.IsNullOrWhiteSpace(key.Account) || key.Account.Length > TokenRequest.MaxAccountLength || !DisplayText.IsPrintable(key.Account))
            throw new InvalidSettingException($"--account must have 1 to {TokenRequest.MaxAccountLength} printable characters.");

        NamespaceName.Check(ns);
        var providers = ProviderCommand.ReadAll(new ConfigurationBuilder().AddEnvironmentVariables().Build());
        var takesAccessToken = providers.GetValueOrDefault(key.Provider)?.ReadProvider()?.Expiry.Never == true;
        var seed = SeedFileReader.Read((await TokenFile.ReadAsync(file, cancellationToken)).Span, TokenFile.Shown(file), takesAccessToken);
        await using var services = StoreServices.Create();
        await services.GetRequiredService<IMigrator>().UpAsync(cancellationToken);
        var store = services.GetRequiredService<ITokenStore>();

        var there = await store.FindAsync(key, cancellationToken);
        if (there is { Failure: null } && !replace && there.Token.GrantToken is { } old)
        {
            if (old.Equals(seed.Token.GrantToken))
                return await AllowAsync(store, there, ns, cancellationToken);
            await Console.Error.WriteLineAsync(
                $"token-operator: {key} is already stored with another token, and its last refresh did not fail. Add --replace to replace it with this file.");
            return ExitCodes.Refused;
        }

        if (await store.ImportAsync(key, seed.Token, ns is null ? null : new AccountUser(ns, Uid: null), seed.Fingerprint, there?.Generation, cancellationToken) is not { } imported)
        {
            await Console.Error.WriteLineAsync($"token-operator: {key} was changed by someone else at the same time. Run the command again.");
            return ExitCodes.Refused;
        }

        Console.Out.WriteLine($"Imported {key}. {Use(imported)}");
        await WarnOfUnknownProviderAsync(key, providers.Keys);
        return ExitCodes.Ok;
    }

    private static async Task<int> AllowAsync(ITokenStore store, AccountRecord there, string? ns, CancellationToken cancellationToken)
    {
        var allowed = ns is null ? there : await store.AllowAsync(there.Key, ns, cancellationToken) ?? there;
        Console.Out.WriteLine($"{there.Key} already holds this token. {Use(allowed)}");
        return ExitCodes.Ok;
    }

    /// <summary>Prints a note only, because the operator can run with other settings than this command.</summary>
    private static async Task WarnOfUnknownProviderAsync(AccountKey key, IEnumerable<string> known)
    {
        if (!known.Contains(key.Provider))
        {
            await Console.Error.WriteLineAsync(
                $"token-operator: note that this command knows no provider \"{DisplayText.Of(key.Provider, 63)}\" from its settings or the catalogue. The operator uses the account only if it knows the provider, for example from a ClusterOAuthProvider.");
        }
    }

    private static string Use(AccountRecord record) => record.Namespaces is { Count: > 0 } namespaces
        ? $"Namespaces that may use it: {string.Join(", ", namespaces)}."
        : $"It belongs to no namespace yet: token-operator accounts allow {record.Key.Provider} {record.Key.Account} --namespace NAMESPACE";
}
