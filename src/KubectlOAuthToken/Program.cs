using KubectlOAuthToken;

return await PluginCommandLine.RunAsync(args, TimeProvider.System);
