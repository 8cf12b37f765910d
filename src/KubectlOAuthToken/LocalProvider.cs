using Microsoft.Extensions.Configuration;
using TokenOperator.Core.Cli;
using TokenOperator.Core.Settings;
using TokenOperator.Core.Text;
using TokenOperator.Providers;

namespace KubectlOAuthToken;

/// <summary>A provider as this machine knows it. Nothing in the cluster decides where a secret is sent.</summary>
internal static class LocalProvider
{
    /// <summary>Reads the flags first, then the environment, then the built-in settings.</summary>
    /// <returns>Settings with an authorization endpoint.</returns>
    /// <exception cref="PluginException">This machine does not know the provider, or a setting is not valid.</exception>
    public static ProviderOptions Read(string name, string? authorizationEndpoint, string? tokenEndpoint)
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
                    $"This machine does not know the provider \"{DisplayText.Of(name, 63)}\". Set its addresses with --authorization-endpoint and --token-endpoint, as in the operator's settings.",
                    ExitCodes.BadInput);
        }
        catch (InvalidSettingException e)
        {
            throw new PluginException(e.Message, ExitCodes.BadInput);
        }
    }
}
