using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Providers.Checks;

/// <summary>What follows from a check.</summary>
/// <param name="Findings">Sentences for people.</param>
/// <param name="Yaml">The lines of a provider document, which extends the document that was checked.</param>
public sealed partial record CheckReport(IReadOnlyList<string> Findings, IReadOnlyList<string> Yaml)
{
    /// <summary>The lines say this first.</summary>
    public const string Extends = "extends: ";

    /// <summary>Draws the conclusions. Nothing is concluded from what was not seen.</summary>
    public static CheckReport Of(ProviderDocument provider, CheckObservations seen)
    {
        ArgumentNullException.ThrowIfNull(provider);
        ArgumentNullException.ThrowIfNull(seen);
        var (findings, yaml) = (new List<string>(), new List<string> { Extends + provider.Name });
        if (seen.Discovery is { } discovery)
            AddDiscovery(provider, discovery, findings, yaml);
        AddAuthentication(provider, seen, findings, yaml);
        AddExpiry(provider, seen, findings, yaml);
        AddRotation(provider, seen, findings, yaml);
        AddErrors(provider, seen, findings, yaml);
        return new CheckReport(findings, yaml);
    }

    private static void AddDiscovery(ProviderDocument provider, DiscoveryDocument discovery, List<string> findings, List<string> yaml)
    {
        var differences = DiscoveryDifference.Find(provider, discovery);
        if (differences.Count == 0)
            findings.Add("The discovery document does not contradict the provider's document.");
        findings.AddRange(differences.Select(difference => $"{difference.Field} is {difference.Ours} in the provider's document, and {difference.Theirs} in the discovery document."));
        foreach (var difference in differences)
        {
            switch (difference.Field)
            {
                case "tokenEndpoint" or "authorizationEndpoint" or "deviceAuthorizationEndpoint":
                    yaml.Add($"{difference.Field}: {Scalar(difference.Theirs)}");
                    break;
                case "revocation.endpoint":
                    yaml.AddRange(["revocation:", $"  endpoint: {Scalar(difference.Theirs)}"]);
                    break;
                case "authorization.pkce":
                    yaml.AddRange(["authorization:", $"  pkce: {(discovery.ChallengeMethods.Contains("S256", StringComparer.Ordinal) ? "S256" : "off")}"]);
                    break;
                case "identity.issuers":
                    yaml.AddRange(["identity:", $"  issuers: [{Scalar(difference.Theirs)}]"]);
                    break;
            }
        }
    }

    private static void AddAuthentication(ProviderDocument provider, CheckObservations seen, List<string> findings, List<string> yaml)
    {
        if (seen.WrongToken is not { } own)
            return;
        var ownName = NameOf(provider.ClientAuthentication);
        var canTell = seen.WrongSecret is { } wrong && !wrong.LooksLike(own);
        if (IsRefusedClient(own))
            findings.Add($"The client authentication {ownName} was refused: {own.Detail}. Check the client, or the method.");
        else if (canTell)
            findings.Add($"The client authentication {ownName} was accepted.");
        if (seen.Authentications.Count == 0)
            return;
        if (!canTell && !IsRefusedClient(own))
        {
            findings.Add("The provider answers a wrong client secret like a wrong refresh token, so this check cannot tell which client authentication it refuses.");
            return;
        }

        var accepted = seen.Authentications.Where(other => !IsRefused(other.Failure, own, seen.WrongSecret)).ToList();
        findings.AddRange(seen.Authentications.Select(other => accepted.Contains(other)
            ? $"The client authentication {NameOf(other.Authentication)} was accepted, too."
            : $"The client authentication {NameOf(other.Authentication)} was refused: {other.Failure.Detail}."));
        if (!IsRefusedClient(own))
            yaml.AddRange(["clientAuthentication:", $"  method: {ownName}"]);
        else if (accepted is [{ Authentication: var only }])
            yaml.AddRange(["clientAuthentication:", $"  method: {NameOf(only)}"]);
    }

    /// <summary>A refused client is told from a refused token by its code, or because it looks like the answer to a wrong secret.</summary>
    private static bool IsRefused(ObservedFailure other, ObservedFailure own, ObservedFailure? wrongSecret) =>
        IsRefusedClient(other) || (wrongSecret is not null && !wrongSecret.LooksLike(own) && other.LooksLike(wrongSecret)) || !(IsRefusedClient(own) || other.LooksLike(own));

    private static bool IsRefusedClient(ObservedFailure failure) => failure.Kind == FailureKind.ClientRejected;

    private static void AddExpiry(ProviderDocument provider, CheckObservations seen, List<string> findings, List<string> yaml)
    {
        if (seen.First is not ObservedRefresh.Succeeded refresh)
            return;
        if (refresh.ExpiresIn is { } lifetime)
        {
            findings.Add(string.Create(CultureInfo.InvariantCulture, $"An access token lives for {DurationText.Format(lifetime)} ({lifetime.TotalSeconds:0} s)."));
        }
        else
        {
            findings.Add("The response does not say how long an access token lives.");
            if (provider.Expiry is { Default: null, Never: false, ReadsJwt: false })
                yaml.AddRange(["expiry:", "  # The response has no lifetime. Set the one that the provider documents.", "  default: 1h"]);
        }

        if (refresh.RefreshTokenExpiresIn is { } left)
        {
            findings.Add($"The refresh token lives for {DurationText.Format(left)} from now.");
            yaml.AddRange(["refreshToken:", $"  idle: {DurationText.Format(left)}"]);
        }
    }

    private static void AddRotation(ProviderDocument provider, CheckObservations seen, List<string> findings, List<string> yaml)
    {
        if (seen.First is not ObservedRefresh.Succeeded first)
        {
            if (seen.First is ObservedRefresh.Failed { Failure: var failure })
                findings.Add($"The refresh failed: {failure.Detail}. The check ends here.");
            return;
        }

        var second = seen.Second as ObservedRefresh.Succeeded;
        var mode = (first.Returned, second?.Returned) switch
        {
            (ReturnedToken.New, ReturnedToken.New) => "always",
            (ReturnedToken.New, _) or (_, ReturnedToken.New) => "sometimes",
            // A single refresh does not show what a provider does once a day.
            (_, null) => "sometimes",
            _ => "never",
        };
        findings.Add((first.Returned, second?.Returned) switch
        {
            (ReturnedToken.New, ReturnedToken.New) => "The refresh token changed with each refresh.",
            (ReturnedToken.New, null) => "The refresh token changed.",
            (ReturnedToken.New, _) or (_, ReturnedToken.New) => "The refresh token changed with one of two refreshes.",
            (_, null) => "The refresh token did not change. One refresh does not show whether it ever does.",
            _ => "The refresh token did not change. Some providers change it once a day, which this check does not show.",
        });
        if (second is null && seen.Second is ObservedRefresh.Failed { Failure: var again })
            findings.Add($"The second refresh failed: {again.Detail}.");
        yaml.AddRange(["rotation:", $"  mode: {mode}"]);
        if (mode != NameOf(provider.Rotation.Mode))
            yaml[^1] += $" # the document says {NameOf(provider.Rotation.Mode)}";
        if (seen.Replay is { } replay)
            AddReplay(replay, findings, yaml);
    }

    private static void AddReplay(ObservedReplay replay, List<string> findings, List<string> yaml)
    {
        var after = DurationText.Format(replay.After);
        var effect = (replay.Refresh, replay.GrantIsAlive) switch
        {
            (ObservedRefresh.Succeeded, not false) => "same",
            (_, true) => "error",
            (_, false) => "revokesGrant",
            _ => null,
        };
        findings.Add(replay.Refresh is ObservedRefresh.Failed { Failure: var failure }
            ? $"A replaced refresh token was refused {after} later: {failure.Detail}."
            : $"A replaced refresh token still worked {after} later. How long it does was not measured.");
        findings.Add(replay.GrantIsAlive switch
        {
            true => "The newest refresh token still worked afterwards.",
            false => "The use of a replaced refresh token ended the grant: the newest one no longer works. The account must consent again.",
            null => "Whether the grant is still alive is not known, because the newest refresh token was not used.",
        });
        if (effect is not null)
            yaml.Add($"  onReplay: {effect}");
        if (replay.Refresh is ObservedRefresh.Succeeded)
            yaml.Add("  # It still works for a time that was not measured. Set grace to what the provider documents.");
        else if (replay.Refresh is ObservedRefresh.Failed { Failure.Kind: FailureKind.ReauthorizationRequired })
            yaml.Add("  grace: 0s");
    }

    private static void AddErrors(ProviderDocument provider, CheckObservations seen, List<string> findings, List<string> yaml)
    {
        if (seen.WrongToken is not { Status: > 0 } wrong || IsRefusedClient(wrong))
            return;
        findings.Add($"A refresh token that does not work is called: {wrong.Detail}.");
        if (wrong.Kind == FailureKind.ReauthorizationRequired || wrong.Status is >= 500 or 408 or 429)
            return;
        var criterion = string.Create(CultureInfo.InvariantCulture, $"status: {wrong.Status}") + (wrong.Code is null ? "" : $", code: {Scalar(wrong.Code)}");
        findings.Add("The provider's document does not take this answer for the end of a grant. A list in a document replaces that of its base, so copy the other rules, too.");
        yaml.AddRange(["errors:", "  rules:", $"    - {{{criterion}, class: reauthorize}}"]);
        foreach (var rule in provider.Errors.Rules)
            yaml.Add($"    - {RuleText(rule)}");
    }

    private static string RuleText(ErrorRule rule)
    {
        var parts = new List<string>();
        if (rule.Status is { } status)
            parts.Add(string.Create(CultureInfo.InvariantCulture, $"status: {status}"));
        if (rule.Code is { } code)
            parts.Add($"code: {Scalar(code)}");
        if (rule.Number is { } number)
            parts.Add(string.Create(CultureInfo.InvariantCulture, $"number: {number}"));
        if (rule.Text is { } text)
            parts.Add($"text: {Scalar(text)}");
        parts.Add($"class: {ProviderDocumentReader.Classes.First(named => named.Kind == rule.Kind).Name}");
        if (rule.MinDelay is { } delay)
            parts.Add($"minDelay: {DurationText.Format(delay)}");
        return $"{{{string.Join(", ", parts)}}}";
    }

    /// <summary>The name of a client authentication in a document.</summary>
    internal static string NameOf(ClientAuthentication authentication) => authentication.Method switch
    {
        ClientAuthenticationMethod.Post => "post",
        ClientAuthenticationMethod.Basic => "basic",
        ClientAuthenticationMethod.None => "none",
        ClientAuthenticationMethod.SecretAsUser => "secretAsUser",
        ClientAuthenticationMethod.PrivateKeyJwt => "privateKeyJWT",
        _ => "certificate",
    };

    private static string NameOf(RotationMode mode) => mode switch
    {
        RotationMode.Never => "never",
        RotationMode.Always => "always",
        _ => "sometimes",
    };

    /// <summary>A text as YAML: a string of JSON is one of YAML, too.</summary>
    private static string Scalar(string text) => PlainScalar().IsMatch(text) ? text : JsonSerializer.Serialize(text, ScalarJson.Default.String);

    [GeneratedRegex(@"\A[a-zA-Z][a-zA-Z0-9_-]*(://[a-zA-Z0-9._~/-]+)?\z", RegexOptions.CultureInvariant)]
    private static partial Regex PlainScalar();
}

/// <summary>Source-generated JSON of texts.</summary>
[System.Text.Json.Serialization.JsonSerializable(typeof(string))]
internal sealed partial class ScalarJson : System.Text.Json.Serialization.JsonSerializerContext;
