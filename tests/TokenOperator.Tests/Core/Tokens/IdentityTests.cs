using TokenOperator.Core.Tokens;

namespace TokenOperator.Tests.Core.Tokens;

public sealed class IdentityTests
{
    [Theory]
    [InlineData("mar.cus@googlemail.com", "marcus@gmail.com", true)]
    [InlineData("marcus@gmail.com", "m.a.r.c.u.s@GoogleMail.com", true)]
    [InlineData("Marcus@GMAIL.com", "marcus@gmail.com", true)]
    [InlineData("marcus@googlemail.com", "marcus@googlemail.com", true)]
    [InlineData("marcus+news@gmail.com", "marcus@gmail.com", false)]
    [InlineData("mark@gmail.com", "marcus@gmail.com", false)]
    [InlineData("mar.cus@example.com", "marcus@example.com", false)]
    [InlineData("mar.cus@mail.gmail.com", "marcus@mail.gmail.com", false)]
    [InlineData("mar.cus@notgmail.com", "marcus@notgmail.com", false)]
    [InlineData("marcus@gmail.com", "marcus@gmail.com.example.com", false)]
    [InlineData("a@b@gmail.com", "a@b@googlemail.com", true)]
    [InlineData("Marcus@Example.com", "marcus@example.com", true)]
    public void Dots_and_the_old_name_make_no_other_mailbox_at_gmail_com_and_at_no_other_domain(string named, string address, bool same)
    {
        new Identity("sub-1", address).Is(named).Should().Be(same);
        new Identity("sub-1", named).Is(address).Should().Be(same, "both ways");
        new Identity(null, address).IsSameAs(new Identity("sub-2", named)).Should().Be(same);
    }

    [Theory]
    [InlineData("auth0|1", "auth0|1", true)]
    [InlineData("samlp|okta|marcus@example.com", "samlp|okta|marcus@example.com", true)]
    [InlineData("samlp|okta|marcus@example.com", "samlp|okta|eve@example.com", false)]
    [InlineData("marcus@example.com", "marcus@example.com", false)]
    public void A_subject_with_a_connection_before_an_address_is_compared_as_a_subject_and_an_address_never_is(string named, string subject, bool same) =>
        new Identity(subject, null).Is(named).Should().Be(same);

    [Fact]
    public void A_subject_decides_whatever_the_addresses_are()
    {
        new Identity("sub-1", "mar.cus@gmail.com").IsSameAs(new Identity("sub-2", "marcus@gmail.com")).Should().BeFalse();
        new Identity(null, null).Is("marcus@gmail.com").Should().BeFalse("an address that is not known is nobody's");
    }
}
