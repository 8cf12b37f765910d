using System.Security.Cryptography;

namespace TokenOperator.TestBed;

/// <summary>A folder with keys, as a mounted Secret is for the operator. Goes when it is disposed, the shared one with the process.</summary>
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

    /// <summary>With one key, for everybody who does not care which.</summary>
    public static TestKeyring Shared => Common.Value;

    /// <summary>Where the keys are.</summary>
    public string Folder { get; } = Directory.CreateTempSubdirectory("to-keys-").FullName;

    /// <summary>Adds a fresh key and gives the content of its file.</summary>
    public string Add(string id)
    {
        var content = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
        File.WriteAllText(Path.Combine(Folder, id), content);
        return content;
    }

    /// <summary>Takes a key away.</summary>
    public void Remove(string id) => File.Delete(Path.Combine(Folder, id));

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Directory.Exists(Folder))
            Directory.Delete(Folder, recursive: true);
    }
}
