using System.Text.Json;
using System.Text.Json.Nodes;

namespace TokenOperator.TestBed;

/// <summary>A ValidatingAdmissionPolicy of this repository, evaluated without an API server, because not every API server has the kind.</summary>
/// <param name="path">The file, relative to the root of the repository. The policy is its first document.</param>
public sealed class AdmissionPolicy(string path)
{
    private const string Variable = "TOKEN_OPERATOR_CEL";
    private const string Script = "hack/cel.sh";

    /// <summary>The messages of the validations that fail, for each case. A case has <c>object</c>, and <c>oldObject</c> for an update.</summary>
    /// <exception cref="InvalidOperationException">The evaluator is not available, or an expression cannot be evaluated.</exception>
    public async Task<IReadOnlyList<IReadOnlyList<string>>> EvaluateAsync(IEnumerable<JsonObject> cases)
    {
        var input = new JsonObject { ["policy"] = Repository.Documents(path)[0], ["cases"] = new JsonArray([.. cases]) };
        var script = await FetchedProgram.FindAsync(Variable, Script);
        var result = await Command.RunAsync("node", [script], input.ToJsonString());
        return result.ExitCode == 0
            ? JsonSerializer.Deserialize<string[][]>(result.Output)!
            : throw new InvalidOperationException($"The policy {path} cannot be evaluated: {result.Errors}");
    }
}
