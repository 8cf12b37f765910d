using System.Security.Cryptography;

namespace TokenOperator.TestBed;

/// <summary>A folder with encryption keys, in place of the mounted Secret. It is deleted when it is disposed of; the shared one when the process ends.</summary>
public sealed class TestKeyring : IDisposable
{
    /// <summary>The setting that names the folder.</summary>
    public const string Setting = "Encryption__KeyringPath";

    private static readonly Lazy<TestKeyring> Common = new(() =>
    {
        var keyring = new TestKeyring();
        keyring.Add("2026-01-01");
        AppDomain.CurrentDomain.ProcessExit += (_, _) => keyring.Dispose();
        return keyring;
    });

    /// <summary>A keyring with one key, for tests that need any key.</summary>
    public static TestKeyring Shared => Common.Value;

    /// <summary>The folder.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("to-keys-").FullName;

    /// <summary>Adds a new key, and returns the content of its file.</summary>
    public string Add(string id)
    {
        var content = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
        File.WriteAllText(Path.Combine(Folder, id), content);
        return content;
    }

    /// <summary>Removes a key.</summary>
    public void Remove(string id) => File.Delete(Path.Combine(Folder, id));

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Directory.Exists(Folder))
            Directory.Delete(Folder, recursive: true);
    }
}
