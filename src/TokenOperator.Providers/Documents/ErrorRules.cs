using TokenOperator.Core.Tokens;

namespace TokenOperator.Providers.Documents;

/// <summary>What errors mean.</summary>
public sealed record ErrorRules
{
    /// <summary>The paths of the error code; the first that is there counts.</summary>
    public IReadOnlyList<string> CodePaths { get; init; } = ["error"];

    /// <summary>The paths of the error's text; the first that is there counts.</summary>
    public IReadOnlyList<string> TextPaths { get; init; } = ["error_description"];

    /// <summary>The path of the error's numbers (Entra's <c>error_codes</c>); null: there are none.</summary>
    public string? NumbersPath { get; init; }

    /// <summary>In order: the first that matches decides. What no rule matches has the meaning of the standard.</summary>
    public IReadOnlyList<ErrorRule> Rules { get; init; } = [];
}

/// <summary>One rule. A criterion that is null matches every response.</summary>
public sealed record ErrorRule
{
    /// <summary>The HTTP status.</summary>
    public int? Status { get; init; }

    /// <summary>The error code, compared exactly.</summary>
    public string? Code { get; init; }

    /// <summary>One of the numbers.</summary>
    public long? Number { get; init; }

    /// <summary>Part of the text, compared without regard to case.</summary>
    public string? Text { get; init; }

    /// <summary>What it means.</summary>
    public required FailureKind Kind { get; init; }

    /// <summary>The least time until the next attempt; null: as usual.</summary>
    public TimeSpan? MinDelay { get; init; }

    /// <summary>True if a response is one that this rule is about.</summary>
    /// <param name="status">Its HTTP status.</param>
    /// <param name="code">Its error code, or null.</param>
    /// <param name="numbers">Its error numbers.</param>
    /// <param name="texts">Its texts. One of them must have <see cref="Text"/> in it.</param>
    public bool Matches(int status, string? code, IReadOnlyList<long> numbers, params ReadOnlySpan<string?> texts)
    {
        if ((Status is { } wanted && wanted != status) || (Code is not null && Code != code) || (Number is { } number && !numbers.Contains(number)))
            return false;
        if (Text is null)
            return true;
        foreach (var text in texts)
        {
            if (text?.Contains(Text, StringComparison.OrdinalIgnoreCase) == true)
                return true;
        }

        return false;
    }

    /// <summary>
    /// True if this rule decides about a response with this status. An outage or a rate limit says nothing about the grant, so only a rule that names
    /// the status can need a human then.
    /// </summary>
    public bool Decides(int status) => Status is not null || status is not (429 or 408 or >= 500) || !Kind.NeedsHuman();

    /// <summary>True if every response that <paramref name="later"/> matches is matched by this rule.</summary>
    public bool Covers(ErrorRule later) =>
        (later.Status is { } status ? Decides(status) : Status is not null || !Kind.NeedsHuman() || later.Kind.NeedsHuman()) && (Status is null || Status == later.Status) && (Code is null || Code == later.Code) && (Number is null || Number == later.Number)
        && (Text is null || later.Text?.Contains(Text, StringComparison.OrdinalIgnoreCase) == true);
}
