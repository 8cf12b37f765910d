using System.Text.Json.Nodes;
using TokenOperator.TestBed.Faults;

namespace TokenOperator.EndToEndTests.Crashes;

/// <summary>Assigns the requests at a provider to accounts by their refresh tokens.</summary>
internal sealed class ProviderLedger(HttpFaultProxy proxy, IReadOnlyDictionary<string, string> accountsBySeed)
{
    /// <summary>The requests that the provider received, with the account and the granted access token, oldest first.</summary>
    public IReadOnlyList<(string Account, string? Granted)> Read()
    {
        var accounts = new Dictionary<string, string>(accountsBySeed);
        var found = new List<(string, string?)>();
        foreach (var exchange in proxy.Exchanges.Where(exchange => exchange.Forwarded))
        {
            if (exchange.Field("refresh_token") is not { } presented || !accounts.TryGetValue(presented, out var account))
                continue;
            var answer = exchange.Answer is { Length: > 0 } text ? JsonNode.Parse(text) : null;
            if ((string?)answer?["refresh_token"] is { } next)
                accounts[next] = account;
            found.Add((account, (string?)answer?["access_token"]));
        }

        return found;
    }

    /// <summary>The account of a request that the provider may not have received yet.</summary>
    public string? AccountOf(HttpExchange request)
    {
        if (request.Field("refresh_token") is not { } presented)
            return null;
        if (accountsBySeed.TryGetValue(presented, out var account))
            return account;
        var handedOut = proxy.Exchanges.FirstOrDefault(e => e.Answer?.Contains(presented, StringComparison.Ordinal) == true);
        return handedOut is null ? null : AccountOf(handedOut);
    }
}
