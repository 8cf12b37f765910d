using KubectlOAuthToken.Output;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Text;
using TokenOperator.Providers;
using TokenOperator.Providers.OAuth2;

namespace KubectlOAuthToken.Consent;

/// <summary>Creates a provider from the settings of this machine. Nothing in the cluster can change the address that receives a secret.</summary>
internal static class LocalProvider
{
    /// <summary>Takes the endpoints from the command line, then from the environment, then from the built-in providers.</summary>
    /// <exception cref="PluginException">The endpoints of the provider are unknown or not valid.</exception>
    public static OAuth2TokenProvider Create(string name, string? authorizationEndpoint, string? tokenEndpoint, TimeProvider time)
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
                ? new OAuth2TokenProvider(options, time, NullLogger<OAuth2TokenProvider>.Instance)
                : throw new PluginException(
                    $"This machine does not know the endpoints of the provider \"{DisplayText.Of(name, 63)}\". Set --authorization-endpoint and --token-endpoint to the values of the operator's settings.",
                    ExitCodes.BadInput);
        }
        catch (ProviderSettingException e)
        {
            throw new PluginException(e.Message, ExitCodes.BadInput);
        }
    }
}
