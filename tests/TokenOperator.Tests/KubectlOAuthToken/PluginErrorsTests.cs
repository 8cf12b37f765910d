using System.Net;
using System.Security.Authentication;
using KubectlOAuthToken.Output;
using KubeRuntime.Client;
using TokenOperator.Core.Cli;

namespace TokenOperator.Tests.KubectlOAuthToken;

public sealed class PluginErrorsTests
{
    [Fact]
    public void A_missing_right_is_reported_with_the_right_and_the_user() => PluginErrors.Explain(new ApiException(
        HttpStatusCode.Forbidden,
        "Forbidden",
        "list oauthtokens.tokenoperator.dev in mail: 403 Forbidden: oauthtokens.tokenoperator.dev is forbidden: User \"marcus\" cannot list resource \"oauthtokens\" in API group \"tokenoperator.dev\" in the namespace \"mail\""))
        .Should().Be((
            "You cannot do this: list oauthtokens.tokenoperator.dev in mail: 403 Forbidden: oauthtokens.tokenoperator.dev is forbidden: User \"marcus\" cannot list resource \"oauthtokens\" in API group \"tokenoperator.dev\" in the namespace \"mail\". "
            + "If you need the right, ask a cluster administrator, or choose another context with --context.",
            ExitCodes.Refused));

    [Fact]
    public void A_refusal_for_another_reason_is_reported_in_the_words_of_the_server() => PluginErrors.Explain(new ApiException(
        HttpStatusCode.Forbidden, "Forbidden", "create secrets mail/x: 403 Forbidden: secrets \"x\" is forbidden: exceeded quota: few"))
        .Message.Should().Contain("exceeded quota: few");

    [Fact]
    public void An_untrusted_certificate_is_distinguished_from_an_unreachable_server()
    {
        var untrusted = new HttpRequestException("The SSL connection could not be established", new AuthenticationException("UntrustedRoot"));
        PluginErrors.Explain(new ApiUnavailableException("list x: the API server https://k8s/ cannot be reached: UntrustedRoot", untrusted)).Message.Should().Contain("certificate-authority");
        PluginErrors.Explain(new ApiUnavailableException("list x: the API server https://k8s/ cannot be reached: Connection refused")).Message.Should().EndWith("that this machine can reach it.");
    }
}
