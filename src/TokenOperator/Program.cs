// The program: verbs, and nothing else.
using TokenOperator.Cli;
using TokenOperator.Core.Text;

PrintableWriter.Install();
return await CommandLine.RunAsync(args);
