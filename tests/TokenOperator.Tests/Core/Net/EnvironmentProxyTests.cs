using Microsoft.Extensions.Configuration;
using TokenOperator.Core.Net;
using TokenOperator.Core.Settings;

namespace TokenOperator.Tests.Core.Net;

public sealed class EnvironmentProxyTests
{
    [Theory]
    [InlineData("10.96.0.0/12", "https://10.96.0.1", "https://10.111.255.255", "https://[::ffff:10.96.0.1]")]
    [InlineData("10.96.0.1/12", "https://10.100.0.1")]
    [InlineData("10.0.0.0/8, 172.16.0.0/12 192.168.0.0/16", "https://10.1.2.3", "https://172.31.0.1", "https://192.168.1.1:6443")]
    [InlineData("0.0.0.0/0", "https://8.8.8.8")]
    [InlineData("fd00::/8", "https://[fd12::1]:6443")]
    [InlineData("10.96.0.1", "https://10.96.0.1", "https://10.96.0.1:6443")]
    [InlineData("10.96.0.1:6443", "https://10.96.0.1:6443")]
    [InlineData("[fd00::1]:6443", "https://[fd00::1]:6443")]
    [InlineData("[fd00::1]", "https://[fd00::1]")]
    [InlineData("fd00::1", "https://[fd00::1]:443")]
    [InlineData("10.96.*", "https://10.96.0.1", "https://10.96.255.255")]
    [InlineData("*.1.2.3", "https://10.1.2.3")]
    [InlineData("svc", "https://svc", "https://kubernetes.default.svc", "https://KUBERNETES.default.SVC.")]
    [InlineData(".svc,.cluster.local", "https://kubernetes.default.svc", "https://a.b.svc.cluster.local")]
    [InlineData("*.svc", "https://kubernetes.default.svc")]
    [InlineData("*.svc.*", "https://kubernetes.default.svc.cluster.local")]
    [InlineData("Example.COM", "https://example.com", "https://oauth2.example.com")]
    [InlineData("example.com.", "https://example.com")]
    [InlineData("example.com:8443", "https://example.com:8443", "https://a.example.com:8443")]
    [InlineData("example.com:443", "https://example.com")]
    [InlineData("*", "https://oauth2.googleapis.com", "https://10.0.0.1")]
    [InlineData("a,*", "https://oauth2.googleapis.com")]
    [InlineData("*:8443", "https://oauth2.googleapis.com:8443")]
    [InlineData("münchen.example", "https://xn--mnchen-3ya.example", "https://münchen.example")]
    [InlineData("", "https://localhost:6443", "https://127.0.0.1:6443", "https://127.9.9.9", "https://[::1]:6443")]
    public void What_NO_PROXY_lists_is_reached_without_the_proxy(string exceptions, params string[] addresses)
    {
        var proxy = Read(("HTTPS_PROXY", "http://proxy:3128"), ("NO_PROXY", exceptions));

        addresses.Should().OnlyContain(address => proxy.IsBypassed(new Uri(address)) && proxy.GetProxy(new Uri(address)) == null);
    }

    [Theory]
    [InlineData("10.96.0.0/12", "https://10.95.255.255", "https://10.112.0.0", "https://kubernetes.default.svc", "https://[fd00::1]")]
    [InlineData("10.96.0.0/33", "https://10.96.0.1")]
    [InlineData("10.96.0.0/", "https://10.96.0.0")]
    [InlineData("fd00::/8", "https://10.0.0.1", "https://[fc00::1]")]
    [InlineData("10.96.0.1:6443", "https://10.96.0.1")]
    [InlineData("10.96.*", "https://10.97.0.1", "https://10.96.evil.example", "https://110.96.0.1")]
    [InlineData("10.96", "https://10.0.0.96", "https://10.96.0.1")]
    [InlineData("1", "https://10.0.0.1")]
    [InlineData("svc", "https://kubernetes.default.svc.cluster.local", "https://mysvc")]
    [InlineData(".svc", "https://svc", "https://mysvc")]
    [InlineData(".example.com", "https://example.com")]
    [InlineData("*.example.com", "https://example.com")]
    [InlineData("example.com", "https://badexample.com", "https://example.com.evil.example")]
    [InlineData("example.com:8443", "https://example.com")]
    [InlineData("example.com:x", "https://example.com")]
    [InlineData(",, ,", "https://example.com")]
    [InlineData("", "https://example.com", "https://localhost.example.com")]
    public void What_NO_PROXY_does_not_list_is_reached_through_the_proxy(string exceptions, params string[] addresses)
    {
        var proxy = Read(("HTTPS_PROXY", "http://proxy:3128"), ("NO_PROXY", exceptions));

        addresses.Should().OnlyContain(address => !proxy.IsBypassed(new Uri(address)) && proxy.GetProxy(new Uri(address)) == new Uri("http://proxy:3128"));
    }

    [Theory]
    [InlineData("https://a.example", "http://secure:1/")]
    [InlineData("http://a.example", "http://plain:2/")]
    public void The_scheme_of_the_address_chooses_the_proxy(string address, string expected)
    {
        Read(("HTTPS_PROXY", "http://secure:1"), ("HTTP_PROXY", "http://plain:2"), ("ALL_PROXY", "http://other:3")).GetProxy(new Uri(address)).Should().Be(new Uri(expected));
        Read(("ALL_PROXY", "http://other:3")).GetProxy(new Uri(address)).Should().Be(new Uri("http://other:3"));
        Read().GetProxy(new Uri(address)).Should().BeNull();
    }

    [Theory]
    [InlineData("proxy:3128", "http://proxy:3128/")]
    [InlineData("proxy", "http://proxy/")]
    [InlineData("http://proxy:3128/", "http://proxy:3128/")]
    [InlineData("https://proxy", "https://proxy/")]
    [InlineData("socks5://proxy", "socks5://proxy:1080/")]
    [InlineData("socks5h://proxy:9050", "socks5://proxy:9050/")]
    [InlineData("http://[fd00::1]:3128", "http://[fd00::1]:3128/")]
    [InlineData("http://me:p%40ss@proxy:3128", "http://proxy:3128/")]
    [InlineData("me:p%40ss@proxy:3128", "http://proxy:3128/")]
    public void A_proxy_is_read_as_curl_reads_it_and_shown_without_its_password(string value, string expected)
    {
        var proxy = Read(("HTTPS_PROXY", value));

        proxy.GetProxy(new Uri("https://a.example"))!.AbsoluteUri.Should().Be(expected);
        EnvironmentProxy.Through(proxy, new Uri("https://a.example")).Should().Be($" through the proxy {expected.TrimEnd('/')}");
        var password = proxy.Credentials!.GetCredential(new Uri(expected), "Basic");
        (password?.UserName, password?.Password).Should().Be(value.Contains('@', StringComparison.Ordinal) ? ("me", "p@ss") : (null, null));
        proxy.Credentials.GetCredential(new Uri("http://elsewhere:3128"), "Basic").Should().BeNull();
    }

    [Theory]
    [InlineData("ftp://me:hunter2@proxy")]
    [InlineData("http://")]
    [InlineData("http://me:hunter2@proxy:99999")]
    [InlineData("hunter2 proxy")]
    public void A_proxy_that_cannot_be_used_is_an_error_and_not_a_way_round_it(string value)
    {
        var read = () => Read(("HTTPS_PROXY", value));

        read.Should().Throw<InvalidSettingException>().WithMessage("The setting HTTPS_PROXY cannot be used; expected an address such as*").Which.Message.Should().NotContain("hunter2");
    }

    private static EnvironmentProxy Read(params (string Name, string Value)[] environment) => EnvironmentProxy.Read(new ConfigurationBuilder()
        .AddInMemoryCollection(environment.Select(variable => KeyValuePair.Create(variable.Name, (string?)variable.Value))).Build());
}
