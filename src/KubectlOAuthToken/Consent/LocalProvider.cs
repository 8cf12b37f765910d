using KubectlOAuthToken.Output;
using Microsoft.Extensions.Configuration;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Settings;
using TokenOperator.Core.Text;
using TokenOperator.Providers;
using TokenOperator.Providers.Documents;

namespace KubectlOAuthToken.Consent;

/// <summary>Creates a provider from the settings of this machine. Nothing in the cluster can change the address that receives a secret.</summary>
internal static class LocalProvider
{
    /// <summary>Takes the endpoints from the command line, then from the environment, then from the built-in providers.</summary>
    /// <returns>Settings with an authorization endpoint.</returns>
    /// <exception cref="PluginException">The endpoints of the provider are unknown or not valid.</exception>
    public static ProviderDocument Read(string name, string? authorizationEndpoint, string? tokenEndpoint)
    {
        var configuration = new ConfigurationBuilder().AddEnvironmentVariables().AddInMemoryCollection(
            new Dictionary<string, string?>
            {
                [$"Providers:{name}:AuthorizationEndpoint"] = authorizationEndpoint,
                [$"Providers:{name}:TokenEndpoint"] = tokenEndpoint,
            }.Where(setting => setting.Value is not null)).Build();
        try
        {
            return ProviderSettings.Read(configuration).FirstOrDefault(provider => provider.Name == name && provider.AuthorizationEndpoint is not null)
                ?? throw new PluginException(
                    $"This machine does not know the endpoints of the provider \"{DisplayText.Of(name, 63)}\". Set --authorization-endpoint and --token-endpoint to the values of the operator's settings.",
                    ExitCodes.BadInput);
        }
        catch (InvalidSettingException e)
        {
            throw new PluginException(e.Message, ExitCodes.BadInput);
        }
    }
}
