using System.Net;
using System.Security.Authentication;
using KubeRuntime.Client;
using KubectlOAuthToken;
using TokenOperator.Core.Cli;

namespace TokenOperator.Tests.KubectlOAuthToken;

public sealed class PluginErrorsTests
{
    [Fact]
    public void A_right_that_is_missing_is_named_once_with_who_lacks_it() => PluginErrors.Explain(new ApiException(
        HttpStatusCode.Forbidden,
        "Forbidden",
        "list oauthtokens.tokenoperator.dev in mail: 403 Forbidden: oauthtokens.tokenoperator.dev is forbidden: User \"marcus\" cannot list resource \"oauthtokens\" in API group \"tokenoperator.dev\" in the namespace \"mail\""))
        .Should().Be(("You may not do this: list oauthtokens.tokenoperator.dev in mail (you are marcus). Ask whoever administers the cluster for that right, or choose another context by --context.", ExitCodes.Refused));

    [Fact]
    public void A_refusal_that_is_no_matter_of_rights_keeps_the_servers_words() => PluginErrors.Explain(new ApiException(
        HttpStatusCode.Forbidden, "Forbidden", "create secrets mail/x: 403 Forbidden: secrets \"x\" is forbidden: exceeded quota: few"))
        .Sentence.Should().Contain("exceeded quota: few");

    [Fact]
    public void A_cluster_without_the_CRD_is_one_without_the_operator_or_another_one() => PluginErrors.Explain(new ApiException(
        HttpStatusCode.NotFound, "NotFound", "list oauthtokens.tokenoperator.dev in mail: 404 NotFound: the server could not find the requested resource"))
        .Should().Match<(string Sentence, int ExitCode)>(told => told.ExitCode == ExitCodes.NotFound && told.Sentence.Contains("docs/install.md"));

    [Fact]
    public void A_certificate_that_is_not_trusted_is_told_from_a_server_that_is_away()
    {
        var untrusted = new HttpRequestException("The SSL connection could not be established", new AuthenticationException("UntrustedRoot"));
        PluginErrors.Explain(new ApiUnavailableException("list x: the API server https://k8s/ cannot be reached: UntrustedRoot", untrusted)).Sentence.Should().Contain("certificate-authority");
        PluginErrors.Explain(new ApiUnavailableException("list x: the API server https://k8s/ cannot be reached: Connection refused")).Sentence.Should().EndWith("whether this machine reaches it.");
    }
}
