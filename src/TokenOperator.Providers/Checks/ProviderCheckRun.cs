using System.Text;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Documents;
using TokenOperator.Core.Text;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.OAuth2;

namespace TokenOperator.Providers.Checks;

/// <summary>What a person offers for a check on the command line.</summary>
/// <param name="ClientFile">A client file, or null.</param>
/// <param name="TokenFile">A token file, to which new refresh tokens are written; or null.</param>
/// <param name="Yes">True to allow every step that cannot end the grant.</param>
public sealed record ProviderCheckInput(string? ClientFile, string? TokenFile, bool Yes)
{
    /// <summary>A private key in PEM, for a client that signs assertions; or null.</summary>
    public string? KeyFile { get; init; }

    /// <summary>The certificate of the key in PEM, or null.</summary>
    public string? CertificateFile { get; init; }

    /// <summary>The <c>kid</c> of the assertions, or null.</summary>
    public string? KeyId { get; init; }

    /// <summary>The descriptions of the options, which two programs have.</summary>
    public static (string Client, string Token, string Key, string Certificate, string KeyId, string Yes) Descriptions { get; } = (
        "A client file (credentials.json) to check with. Without it, nothing but documents is read.",
        "A token file with a refresh token to check with. A new refresh token is written to it.",
        "The private key of the client in PEM, for a provider whose clients sign assertions.",
        "The certificate of this key in PEM, for a provider that knows the client by it.",
        "The ID of this key (kid), if the provider expects one.",
        "Allow every request that cannot end the grant. The other one is asked for nevertheless.");
}

/// <summary><c>provider check</c> of both programs: from the files to the lines that are printed.</summary>
public static class ProviderCheckRun
{
    /// <summary>Checks a provider.</summary>
    /// <param name="provider">The provider.</param>
    /// <param name="origin">Where its document comes from.</param>
    /// <param name="input">What the person offers.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Stops before the next request.</param>
    /// <returns>The exit code.</returns>
    /// <exception cref="InvalidDocumentException">A file cannot be used.</exception>
    public static async Task<int> ExecuteAsync(ProviderDocument provider, string origin, ProviderCheckInput input, TimeProvider time, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(provider);
        ArgumentNullException.ThrowIfNull(input);
        var client = await ReadClientAsync(provider, input, cancellationToken);
        var content = await ReadTokenAsync(input, cancellationToken);
        Describe(provider, origin);
        using var endpoints = new TokenEndpointClient(time);
        var dialog = new ConsoleDialog(input, content);
        var token = content is null ? null : SeedFileReader.Read(content, TokenFile.Shown(input.TokenFile!)).Token;
        var report = await new ProviderCheck(provider, new CheckSubject(client, token), dialog, endpoints, time).RunAsync(cancellationToken);
        Console.Out.WriteLine();
        foreach (var finding in report.Findings)
            Console.Out.WriteLine(DisplayText.Line(finding));
        if (report.Yaml.Count > 1)
        {
            Console.Out.WriteLine("\nThese lines of a provider document follow from what was seen:\n");
            foreach (var line in report.Yaml)
                Console.Out.WriteLine($"  {line}");
        }

        return ExitCodes.Ok;
    }

    private static void Describe(ProviderDocument provider, string origin)
    {
        Console.Out.WriteLine($"{provider.DisplayName} ({provider.Name}), from {origin}:");
        foreach (var (label, value) in new (string, string?)[]
        {
            ("token endpoint", provider.TokenEndpoint.AbsoluteUri),
            ("refresh endpoint", provider.Refresh.Endpoint?.AbsoluteUri),
            ("authorization endpoint", provider.AuthorizationEndpoint?.AbsoluteUri),
            ("device authorization endpoint", provider.DeviceAuthorizationEndpoint?.AbsoluteUri),
            ("revocation endpoint", provider.Revocation?.Endpoint.AbsoluteUri),
            ("discovery document", provider.DiscoveryEndpoint?.AbsoluteUri ?? "none"),
            ("client authentication", CheckReport.NameOf(provider.ClientAuthentication)),
            ("PKCE", provider.Authorization.Pkce == PkceUse.Off ? "off" : "S256"),
        })
        {
            if (value is not null)
                Console.Out.WriteLine($"  {label}: {value}");
        }
    }

    /// <summary>The client of the files; null if none is offered.</summary>
    /// <exception cref="InvalidDocumentException">A file is missing, of no use, or not what is expected.</exception>
    internal static async Task<OAuthClient?> ReadClientAsync(ProviderDocument provider, ProviderCheckInput input, CancellationToken cancellationToken)
    {
        if (input.ClientFile is not { } file)
        {
            return input.TokenFile is null
                ? null
                : throw new InvalidDocumentException("--token-file needs --client-file: a refresh token works only for the client that it was issued to.");
        }

        var credential = provider.ClientAuthentication.Credential;
        var signs = credential is not (ClientCredential.Secret or ClientCredential.None);
        if (signs && input.KeyFile is null)
            throw new InvalidDocumentException($"a client of {provider.Name} signs assertions with its private key: name the file with the key in PEM with --key-file. --client-file has only the client_id then.");
        if (!signs && input.KeyFile is not null)
            throw new InvalidDocumentException($"--key-file cannot be used: a client of {provider.Name} authenticates with {CheckReport.NameOf(provider.ClientAuthentication)}.");
        // As a Secret would have them.
        var files = new Dictionary<string, string?> { ["client"] = file, ["private-key"] = input.KeyFile, ["certificate"] = input.CertificateFile };
        var data = new Dictionary<string, byte[]>();
        foreach (var (key, path) in files.Where(named => named.Value is not null))
            data[key] = (await TokenFile.ReadAsync(path!, cancellationToken)).ToArray();
        if (input.KeyId is { } keyId)
            data["key-id"] = Encoding.UTF8.GetBytes(keyId);
        return SecretDataReader.FindClient(data, "client", key => files.GetValueOrDefault(key) is { } path ? TokenFile.Shown(path) : "--key-id", credential);
    }

    private static async Task<byte[]?> ReadTokenAsync(ProviderCheckInput input, CancellationToken cancellationToken)
    {
        if (input.TokenFile is not { } file)
            return null;
        if (file == "-")
            throw new InvalidDocumentException("--token-file must name a file and not standard input, because a new refresh token is written to it.");
        var content = (await TokenFile.ReadAsync(file, cancellationToken)).ToArray();
        // Found out before a token is replaced, and not afterwards.
        using (File.Open(file, FileMode.Open, FileAccess.ReadWrite))
        using (File.Create(Beside(file)))
            File.Delete(Beside(file));
        return content;
    }

    private static string Beside(string file) => $"{file}.new";

    /// <summary>A person at a terminal.</summary>
    private sealed class ConsoleDialog(ProviderCheckInput input, byte[]? content) : ICheckDialog
    {
        // A refresh token alone is no document that could be kept.
        private readonly string? _previous = content is [(byte)'{', ..] ? Encoding.UTF8.GetString(content) : null;

        public void Say(string line) => Console.Out.WriteLine(DisplayText.Line(line));

        public async Task<bool> ConfirmAsync(CheckRisk risk, string question, CancellationToken cancellationToken) =>
            (input.Yes && risk != CheckRisk.CanEndGrant) || await Confirmation.AskAsync(question, cancellationToken);

        /// <summary>The file is replaced as a whole, so that it always has one of the two tokens.</summary>
        public async Task SaveAsync(TokenSet token)
        {
            var file = input.TokenFile!;
            var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            await using (var stream = new FileStream(Beside(file), options))
            {
                await stream.WriteAsync(Encoding.UTF8.GetBytes(TokenDocument.Write(token, _previous)));
                stream.Flush(flushToDisk: true);
            }

            File.Move(Beside(file), file, overwrite: true);
        }
    }
}
