// The program: verbs, and nothing else.
using TokenOperator.Cli;

return await CommandLine.RunAsync(args);
