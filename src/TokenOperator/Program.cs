// The program: verbs, and nothing else.
using TokenOperator.Commands;

return await CommandLine.RunAsync(args);
