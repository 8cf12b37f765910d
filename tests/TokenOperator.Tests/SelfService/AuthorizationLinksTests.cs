using k8s.Models;
using KubeRuntime;
using Microsoft.Extensions.Configuration;
using TokenOperator.Api;
using TokenOperator.Core.Settings;
using TokenOperator.SelfService;

namespace TokenOperator.Tests.SelfService;

public sealed class AuthorizationLinksTests
{
    private static readonly DateTimeOffset Now = new(2026, 5, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly NamespacedName Marcus = new("mail", "marcus");
    private static readonly AuthorizationLinks Links = new(new SelfServiceSettings { PublicUrl = new("https://tokens.example.com/here/") });

    [Fact]
    public void There_is_a_link_while_the_self_service_pages_are_enabled()
    {
        Links.For(null, Marcus, Now).Should().MatchRegex(@"^https://tokens\.example\.com/here/authorize/mail/marcus/\d+\.[-_A-Za-z0-9]{43}$");
        new AuthorizationLinks(new SelfServiceSettings()).For(null, Marcus, Now).Should().BeNull("it is off by default");
    }

    [Fact]
    public void A_link_is_replaced_after_half_of_its_lifetime()
    {
        var link = Links.For(null, Marcus, Now)!;

        Links.For(link, Marcus, Now.AddMinutes(29)).Should().Be(link);
        Links.For(link, Marcus, Now.AddMinutes(30)).Should().NotBe(link);
        Links.For(link, Marcus, Now.AddMinutes(-1)).Should().NotBe(link, "the clock was set back, and the link would live too long");
        Links.For(link, new NamespacedName("mail", "other"), Now).Should().NotBe(link);
        Links.For("https://elsewhere.example/authorize/mail/marcus/" + Ticket(link), Marcus, Now).Should().StartWith("https://tokens.example.com/");
        Links.For(link.Replace('/', ' '), Marcus, Now).Should().StartWith("https://tokens.example.com/");
        Links.RenewAt(link).Should().Be(Now.AddMinutes(30));
        Links.RenewAt(null).Should().BeNull();
        Links.RenewAt("no link").Should().BeNull();
    }

    [Fact]
    public void A_link_is_valid_for_its_own_object_while_it_is_in_the_status_and_until_it_expires()
    {
        var link = Links.For(null, Marcus, Now)!;
        var ticket = Ticket(link);

        Links.IsValid(Object("marcus", link), ticket, Now.AddMinutes(59)).Should().BeTrue();
        Links.IsValid(Object("marcus", link), ticket, Now.AddMinutes(60)).Should().BeFalse("it has expired");
        Links.IsValid(Object("marcus", Links.For(null, Marcus, Now)), ticket, Now).Should().BeFalse("a newer link replaced it");
        Links.IsValid(Object("marcus", null), ticket, Now).Should().BeFalse("no consent is needed");
        Links.IsValid(Object("other", link), ticket, Now).Should().BeFalse();
        Links.IsValid(Object("marcus", link), "", Now).Should().BeFalse();
        Links.IsValid(Object("marcus", link), ticket[..^1], Now).Should().BeFalse();
    }

    [Theory]
    [InlineData("PublicUrl", "http://tokens.example.com")]
    [InlineData("PublicUrl", "tokens.example.com")]
    [InlineData("PublicUrl", "https://user:marked-secret@tokens.example.com")]
    [InlineData("PublicUrl", "https://tokens.example.com/?a=b")]
    [InlineData("Port", "0")]
    [InlineData("Port", "70000")]
    [InlineData("LinkLifetime", "1s")]
    [InlineData("LinkLifetime", "banana")]
    public void An_invalid_setting_is_rejected_and_named(string key, string value)
    {
        var read = () => SelfServiceSettings.Read(Settings(key, value));

        read.Should().Throw<InvalidSettingException>().WithMessage($"The setting SelfService__{key} *").Which.Message.Should().NotContain("marked-secret");
    }

    [Theory]
    [InlineData("https://tokens.example.com", "https://tokens.example.com/authorize/callback/google")]
    [InlineData("https://example.com/tokens/", "https://example.com/tokens/authorize/callback/google")]
    [InlineData("http://127.0.0.1:8081", "http://127.0.0.1:8081/authorize/callback/google")]
    public void The_redirect_address_follows_from_the_public_one(string address, string redirect) =>
        SelfServiceSettings.Read(Settings("PublicUrl", address)).RedirectUriOf("google").Should().Be(new Uri(redirect));

    private static string Ticket(string link) => link[(link.LastIndexOf('/') + 1)..];

    private static V1Beta1OAuthToken Object(string name, string? link) => new()
    {
        Metadata = new V1ObjectMeta { Name = name, NamespaceProperty = "mail" },
        Status = new V1Beta1OAuthToken.EntityStatus { AuthorizationURL = link },
    };

    private static IConfigurationRoot Settings(string key, string value) =>
        new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?> { [$"SelfService:{key}"] = value }).Build();
}
