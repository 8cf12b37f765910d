using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Settings;
using TokenOperator.Core.Text;
using TokenOperator.Providers;
using TokenOperator.Providers.OAuth2;

namespace KubectlOAuthToken;

/// <summary>A provider as this machine knows it. Nothing that stands in the cluster says where a secret is sent.</summary>
internal static class LocalProvider
{
    /// <summary>From the words of the call, then the environment, then what is built in.</summary>
    public static OAuth2TokenProvider Create(string name, string? authorizationEndpoint, string? tokenEndpoint)
    {
        var configuration = new ConfigurationBuilder().AddEnvironmentVariables().AddInMemoryCollection(
            new Dictionary<string, string?>
            {
                [$"Providers:{name}:AuthorizationEndpoint"] = authorizationEndpoint,
                [$"Providers:{name}:TokenEndpoint"] = tokenEndpoint,
            }.Where(setting => setting.Value is not null)).Build();
        try
        {
            var options = ProviderSettings.Read(configuration).FirstOrDefault(provider => provider.Name == name);
            return options?.AuthorizationEndpoint is not null
                ? new OAuth2TokenProvider(options, TimeProvider.System, NullLogger<OAuth2TokenProvider>.Instance)
                : throw new PluginException(
                    $"This machine does not know the provider \"{DisplayText.Of(name, 63)}\". Name its addresses by --authorization-endpoint and --token-endpoint, as the operator's settings have them.",
                    ExitCodes.BadInput);
        }
        catch (InvalidSettingException e)
        {
            throw new PluginException(e.Message, ExitCodes.BadInput);
        }
    }
}
