using Microsoft.Extensions.DependencyInjection;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Settings;
using TokenOperator.Postgres;
using TokenOperator.Postgres.Encryption;

namespace TokenOperator.Cli;

/// <summary><c>token-operator keys</c>: the keys with which rows are encrypted. Prints a key only if you ask for a new one without a folder.</summary>
public static class KeysCommand
{
    /// <summary>Creates a key in a new file of <paramref name="folder"/>. Without a folder, prints it to standard output.</summary>
    public static async Task<int> NewAsync(string? folder, TimeProvider time, CancellationToken cancellationToken)
    {
        if (folder is null)
        {
            Console.Out.WriteLine(DataKey.NewText());
            return ExitCodes.Ok;
        }

        // The key whose name sorts last is current, and times sort in their order.
        var file = Path.Combine(folder, $"{time.GetUtcNow():yyyy-MM-dd-HHmmss}");
        Directory.CreateDirectory(folder);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        await using (var writer = new StreamWriter(file, options))
            await writer.WriteLineAsync(DataKey.NewText().AsMemory(), cancellationToken);
        Console.Out.WriteLine($"Created the key {file}. Keep a copy of it apart from the backups of Postgres. Without the key, the rows that it encrypts are lost.");
        return ExitCodes.Ok;
    }

    /// <summary>Prints a line for each key that is mounted or in use.</summary>
    public static async Task<int> StatusAsync(CancellationToken cancellationToken)
    {
        await using var services = await CreateAsync(cancellationToken);
        var keyring = services.GetRequiredService<IKeyring>();
        var uses = await services.GetRequiredService<IKeyRotation>().CountAsync(cancellationToken);
        var keys = keyring.KeyIds.Union(uses.Select(use => use.KeyId).OfType<string>()).Order(StringComparer.Ordinal).Cast<string?>().Append(null);
        var lines = keys.Select(id => (string[])
        [
            id ?? "(plain text)",
            $"{uses.FirstOrDefault(use => use.KeyId == id)?.Rows ?? 0}",
            id == keyring.CurrentKeyId ? "current" : id is null ? "" : keyring.KeyIds.Contains(id) ? "for reading" : "MISSING: put this key back",
        ]);
        Table.Print([["KEY", "ROWS", "KEYRING"], .. lines]);
        return uses.All(use => use.KeyId is null || keyring.KeyIds.Contains(use.KeyId)) ? ExitCodes.Ok : ExitCodes.Failed;
    }

    /// <summary>Encrypts all rows with the current key.</summary>
    public static Task<int> RotateAsync(CancellationToken cancellationToken) => RewriteAsync(RowSelection.NotCurrent, cancellationToken);

    /// <summary>Encrypts the rows in plain text with the current key.</summary>
    public static Task<int> EncryptAsync(CancellationToken cancellationToken) => RewriteAsync(RowSelection.PlainText, cancellationToken);

    /// <summary>Decrypts all rows to plain text, if the settings say so.</summary>
    public static Task<int> DecryptAsync(CancellationToken cancellationToken) => RewriteAsync(RowSelection.Encrypted, cancellationToken);

    private static async Task<int> RewriteAsync(RowSelection selection, CancellationToken cancellationToken)
    {
        await using var services = await CreateAsync(cancellationToken);
        var current = services.GetRequiredService<IKeyring>().CurrentKeyId;
        if (current is null != (selection == RowSelection.Encrypted))
        {
            throw new InvalidSettingException(current is null
                ? "Encryption=None is set, so there is no key to encrypt with. Remove it and set Encryption__KeyringPath."
                : "Decrypting leaves refresh tokens in plain text, and a running operator would encrypt them again. First set Encryption=None in its settings and in those of this command, in addition to Encryption__KeyringPath.");
        }

        var rows = await services.GetRequiredService<IKeyRotation>().RewriteAsync(selection, cancellationToken);
        foreach (var problem in rows.Problems)
            await Console.Error.WriteLineAsync($"token-operator: {problem}");
        Console.Out.WriteLine($"{rows.Count} rows were {(current is null ? "decrypted" : $"encrypted with the key {current}")}, {rows.Problems.Count} could not be.");
        return rows.Problems.Count == 0 ? ExitCodes.Ok : ExitCodes.Failed;
    }

    private static async Task<ServiceProvider> CreateAsync(CancellationToken cancellationToken)
    {
        var services = StoreServices.Create();
        try
        {
            await services.GetRequiredService<IMigrator>().UpAsync(cancellationToken);
            return services;
        }
        catch
        {
            await services.DisposeAsync();
            throw;
        }
    }
}
