// The kubectl plugin: its verbs, and nothing else.
using KubectlOAuthToken;

return await PluginCommandLine.RunAsync(args);
