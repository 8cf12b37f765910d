using TokenOperator.Core.Tokens;
using TokenOperator.Providers.Catalogue;
using TokenOperator.Providers.Documents;

namespace TokenOperator.Tests.Providers.Documents;

public sealed class ProviderDocumentTests
{
    private const string Minimal = "tokenEndpoint: https://idp.example.com/token\n";

    [Fact]
    public void A_document_with_a_token_endpoint_alone_is_valid() => Resolve(Minimal).Errors.Should().BeEmpty();

    [Fact]
    public void All_errors_of_a_document_are_reported_together() =>
        Resolve("""
            tokenEndpoint: http://idp.example.com/{tenant}/token
            timeout: soon
            tokenEndpont: x
            rotation: {mode: daily}
            errors:
              rules:
                - {code: a, class: transient}
                - {code: a, status: 400, class: reauthorize}
                - {number: 5, class: transient}
                - {class: transient}
            """).Errors.Should().HaveCount(7).And.OnlyHaveUniqueItems();

    [Theory]
    [InlineData("NaN")]
    [InlineData("Infinity")]
    [InlineData("-Infinity")]
    public void A_word_that_is_no_number_in_YAML_is_a_text(string word) =>
        Resolve($"tokenEndpoint: {word}").Errors.Should().ContainSingle(error => error.StartsWith($"tokenEndpoint is \"{word}\", which is not an address", StringComparison.Ordinal));

    [Fact]
    public void A_parameter_without_a_value_is_named() =>
        Resolve("""
            parameterDeclarations: {tenant: {description: The tenant.}}
            tokenEndpoint: https://idp.example.com/{tenant}/token
            """).Errors.Should().Equal("tokenEndpoint needs a value for the parameter tenant: set parameters.tenant.");

    [Theory]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("a@b")]
    [InlineData("a:80")]
    [InlineData("a?b")]
    [InlineData("a%2fb")]
    public void A_parameter_cannot_leave_its_place_in_an_address(string value) =>
        Resolve($"""
            parameterDeclarations:
              tenant:
                description: The tenant.
            parameters:
              tenant: "{value}"
            tokenEndpoint: "https://idp.example.com/\x7btenant\x7d/token"
            """).Errors.Should().ContainSingle(error => error.StartsWith("parameters.tenant is", StringComparison.Ordinal));

    [Theory]
    [InlineData("http://sso.example.com", "is plain http")]
    [InlineData("sso.example.com", "is not an address")]
    [InlineData("https://sso.example.com/", "expected an address without a slash at its end")]
    public void AWrongValueOfAParameterIsOneErrorAndNotOneForEachAddressWithIt(string value, string error) =>
        Resolve($"extends: keycloak\nparameters: {{baseUrl: \"{value}\", realm: staff}}\n").Errors.Should().ContainSingle().Which.Should().StartWith("parameters.baseUrl is").And.Contain(error);

    [Fact]
    public void AValueThatDoesNotMatchItsPatternIsExplainedByTheDescription() =>
        Resolve("extends: microsoft\nparameters: {tenant: common}\n").Errors.Should().ContainSingle().Which.Should().Contain("For accounts of any tenant, extend microsoft-multitenant");

    [Fact]
    public void AMistypedBaseGetsTheNameThatWasMeant() =>
        Resolve("extends: microsfot\n").Errors.Should().ContainSingle().Which.Should().Contain("Did you mean microsoft?");

    [Fact]
    public void A_parameter_can_have_another_value_than_its_default() =>
        Resolve("extends: gitlab\nparameters: {baseUrl: \"https://git.example.com\"}\n").ReadProvider()!.TokenEndpoint.Should().Be("https://git.example.com/oauth/token");

    [Fact]
    public void A_document_builds_on_its_base()
    {
        var provider = Resolve("extends: microsoft\nparameters: {tenant: contoso.example}\ntimeout: 10s\n").ReadProvider()!;

        provider.TokenEndpoint.Should().Be("https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token");
        provider.Timeout.Should().Be(TimeSpan.FromSeconds(10));
    }

    [Fact]
    public void A_document_can_extend_the_catalogue_entry_of_its_own_name() =>
        Resolve("extends: google\ntimeout: 10s\n", "google").ReadProvider()!.TokenEndpoint.Host.Should().Be("oauth2.googleapis.com");

    [Fact]
    public void A_cycle_is_reported() =>
        ProviderResolver.Resolve([Source("a", "extends: b"), Source("b", "extends: a")])["a"].Errors.Should().ContainSingle(error => error.Contains("a extends b extends a"));

    /// <summary>The API server refuses a Secret with such a key (IsConfigMapKey in apimachinery).</summary>
    [Theory]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("..data")]
    [InlineData("a/b")]
    [InlineData("access_token")]
    public void A_value_is_not_exported_under_a_key_that_a_Secret_cannot_have(string key) =>
        Resolve(Minimal + $"export: {{\"{key}\": response.x}}").Errors.Should().ContainSingle(error => error.StartsWith($"export.{key} is not a key", StringComparison.Ordinal));

    [Theory]
    [InlineData("Authorization", "Bearer x")]
    [InlineData("HOST", "evil.example")]
    [InlineData("Content-Length", "0")]
    [InlineData("Accept-Encoding", "gzip")]
    [InlineData("Proxy-Authorization", "x")]
    [InlineData("X-Team", "a\\r\\nHost: evil.example")]
    [InlineData("X-Team\\r\\nHost", "evil.example")]
    public void A_document_sets_no_header_of_the_connection_or_of_the_authentication(string name, string value) =>
        Resolve(Minimal + $"request: {{headers: {{\"{name}\": \"{value}\"}}}}").Errors.Should().ContainSingle(error => error.StartsWith("request.headers", StringComparison.Ordinal));

    [Theory]
    [InlineData("https://user@idp.example.com/token")]
    [InlineData("https://user:secret@idp.example.com/token")]
    [InlineData("https://idp.example.com/token#x")]
    [InlineData("https://idp.example.com\\\\@evil.example/token")]
    [InlineData("ftp://idp.example.com/token")]
    [InlineData("//idp.example.com/token")]
    [InlineData("https:///token")]
    [InlineData("http://192.0.2.1/token")]
    [InlineData("http://localhost.evil.example/token")]
    [InlineData("https://idp.example.com/token\\r\\nHost: evil.example")]
    [InlineData("https://idp.example.com/{unknown}/token")]
    [InlineData("https://idp.example.com/{/token")]
    public void An_address_that_could_mislead_or_is_not_encrypted_is_refused(string address) =>
        Resolve($"tokenEndpoint: \"{address}\"").Errors.Should().ContainSingle(error => error.StartsWith("tokenEndpoint ", StringComparison.Ordinal));

    [Theory]
    [InlineData("{status: 302, class: transient}")]
    [InlineData("{status: 307, code: a, class: reauthorize}")]
    public void A_rule_about_a_redirect_can_never_match(string rule) =>
        Resolve(Minimal + $"errors: {{rules: [{rule}]}}").Errors.Should().ContainSingle(error => error.StartsWith("errors.rules[0] can never match", StringComparison.Ordinal));

    [Theory]
    [InlineData("codePaths: [], rules: [{code: a, class: client}]", "errors.rules[0] can never match: it has a code")]
    [InlineData("rules: [{number: 5, class: client}]", "errors.rules[0] can never match: it has a number")]
    [InlineData("rules: [{code: a, class: transient}, {status: 503, code: a, class: throttled}]", "errors.rules[1] can never match: errors.rules[0]")]
    [InlineData("rules: [{code: a, class: client}, {code: a, class: reauthorize}]", "errors.rules[1] can never match: errors.rules[0]")]
    [InlineData("rules: [{status: 503, code: a, class: client}, {status: 503, code: a, class: throttled}]", "errors.rules[1] can never match: errors.rules[0]")]
    [InlineData("rules: [{code: a, class: client}, {status: 400, code: a, class: throttled}]", "errors.rules[1] can never match: errors.rules[0]")]
    [InlineData("rules: [{status: 400.5, code: a, class: client}]", "errors.rules[0].status is 400.5; expected a whole number")]
    [InlineData("numbersPath: n, rules: [{code: a, number: 50.7, class: client}]", "errors.rules[0].number is 50.7; expected a whole number")]
    public void A_rule_that_can_never_match_is_named(string errors, string error) =>
        Resolve(Minimal + $"errors: {{{errors}}}").Errors.Should().ContainSingle().Which.Should().StartWith(error);

    [Theory]
    [InlineData(408)]
    [InlineData(429)]
    [InlineData(503)]
    public void A_rule_that_needs_a_human_leaves_outages_to_a_later_rule(int status)
    {
        var document = Resolve(Minimal + $"errors: {{rules: [{{code: invalid_grant, class: reauthorize}}, {{status: {status}, code: invalid_grant, class: throttled, minDelay: 10m}}]}}").ReadProvider()!;

        document.Errors.Rules.Select(rule => rule.Decides(status)).Should().Equal(false, true);
        Resolve(Minimal + "errors: {rules: [{code: a, class: client}, {code: a, class: transient}]}").Errors.Should().BeEmpty("the second one decides about outages");
    }

    [Theory]
    [InlineData("{path: ok}", "response.failures[0].equals is missing")]
    [InlineData("{equals: \"false\"}", "response.failures[0].path is missing")]
    public void A_failure_marker_needs_a_path_and_a_value(string marker, string error) =>
        Resolve(Minimal + $"response: {{failures: [{marker}]}}").Errors.Should().ContainSingle().Which.Should().StartWith(error);

    [Theory]
    [InlineData("response.refresh_token")]
    [InlineData("response.authed_user.access_token")]
    [InlineData("response.id_token")]
    [InlineData("response.data.secret_one")]
    [InlineData("callback.my_code")]
    public void A_secret_is_not_exported(string source) =>
        Resolve(Minimal + $"response: {{fields: {{refreshToken: other.secret_one}}}}\nauthorization: {{codeParameter: my_code, keep: [my_code]}}\nexport: {{x: {source}}}")
            .Errors.Should().ContainSingle().Which.Should().StartWith($"export.x is \"{source}\", which is a secret");

    [Theory]
    [InlineData("{clientRequestsPerSecond: 0.5}", 0.5, 1)]
    [InlineData("{clientRequestsPerSecond: 2, clientBurst: 30}", 2, 30)]
    public void A_document_limits_the_requests_of_each_client(string written, double perSecond, int burst)
    {
        var limits = Resolve(Minimal + $"limits: {written}").ReadProvider()!.Limits;

        limits.Should().Be(new RequestLimits { ClientRate = new RequestRate(perSecond, burst) });
    }

    [Fact]
    public void Without_a_rate_no_client_is_limited() => Resolve(Minimal + "limits: {requestsPerSecond: 5}").ReadProvider()!.Limits.ClientRate.Should().BeNull();

    [Theory]
    [InlineData("{clientBurst: 3}", "limits.clientRequestsPerSecond is missing")]
    [InlineData("{clientRequestsPerSecond: 0}", "limits.clientRequestsPerSecond is 0; expected a number from 0.01 to 10000")]
    [InlineData("{clientRequestsPerSecond: many, clientBurst: 3}", "limits.clientRequestsPerSecond is \"many\"")]
    [InlineData("{clientRequestsPerSecond: 1, clientBurst: 0}", "limits.clientBurst is 0; expected a number from 1 to 10000")]
    public void A_limit_of_clients_that_is_not_valid_is_named(string limits, string error) =>
        Resolve(Minimal + $"limits: {limits}").Errors.Should().ContainSingle().Which.Should().StartWith(error);

    [Fact]
    public void Every_document_of_the_catalogue_is_valid_once_its_parameters_are_given()
    {
        foreach (var (name, resolved) in ProviderResolver.Resolve(ProviderCatalogue.Read()))
            resolved.Errors.Where(error => !error.Contains("needs a value for the parameter")).Should().BeEmpty(name);
    }

    [Theory]
    [InlineData("https://api.example.com/apps/{client_id}/token", null)]
    [InlineData("https://api.example.com/{client_id}?v=1", null)]
    [InlineData("https://{client_id}/token", "whole segment")]
    [InlineData("https://{client_id}.example.com/token", "whole segment")]
    [InlineData("https://api.example.com/{client_id}/{client_id}", "whole segment")]
    [InlineData("https://api.example.com/app-{client_id}/token", "whole segment")]
    [InlineData("https://api.example.com/token?client={client_id}", "whole segment")]
    [InlineData("https://api.example.com:{client_id}/token", "is not an address")]
    [InlineData("http://api.example.com/{client_id}", "is plain http")]
    public void The_client_ID_can_be_one_segment_of_the_address_of_a_revocation_and_nothing_else(string address, string? error)
    {
        var resolved = Resolve($"tokenEndpoint: https://idp.example.com/token\nrevocation: {{endpoint: \"{address}\"}}\n");

        resolved.Errors.Select(found => found.Contains(error ?? "no error", StringComparison.Ordinal)).Should().Equal(error is null ? [] : [true]);
        resolved.ReadProvider()?.Revocation!.EndpointFor(new OAuthClient("id-1", null))!.AbsoluteUri.Should().Be(address.Replace("{client_id}", "id-1", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("tokenEndpoint")]
    [InlineData("authorizationEndpoint")]
    [InlineData("deviceAuthorizationEndpoint")]
    public void No_other_address_has_the_client_ID_in_it(string field) =>
        Resolve($"{(field == "tokenEndpoint" ? "" : "tokenEndpoint: https://idp.example.com/token\n")}{field}: \"https://idp.example.com/{{client_id}}\"\n").Errors.Should().ContainSingle(error => error.StartsWith($"{field} has braces", StringComparison.Ordinal));

    [Fact]
    public void A_chain_of_extends_that_is_too_long_is_no_cycle()
    {
        var resolved = ProviderResolver.Resolve(Enumerable.Range(1, 9).Select(link => Source($"p{link}", link == 9 ? Minimal : $"extends: p{link + 1}")));

        resolved["p2"].Errors.Should().BeEmpty();
        resolved["p1"].Errors.Should().ContainSingle(error => error.Contains("extends leads through more than 8 documents: p1 extends p2 extends"));
    }

    private static ResolvedDocument Resolve(string yaml, string name = "test") =>
        ProviderResolver.Resolve(ProviderCatalogue.Read().Append(Source(name, yaml)))[name];

    private static SourceDocument Source(string name, string yaml)
    {
        var json = YamlInput.Read(yaml, out var error);
        error.Should().BeNull();
        return new SourceDocument(name, DocumentSource.Folder, $"{name}.yaml", json!);
    }
}
