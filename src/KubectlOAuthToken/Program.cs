using KubectlOAuthToken;
using TokenOperator.Core.Text;

PrintableWriter.Install();
return await PluginCommandLine.RunAsync(args, TimeProvider.System);
