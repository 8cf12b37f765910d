using Microsoft.Extensions.Configuration;
using Npgsql;
using TokenOperator.Core.Settings;
using TokenOperator.Postgres;

namespace TokenOperator.Tests.Postgres;

public sealed class ConnectionStringsTests
{
    private const string Secret = "hunterTwo_never_shown";

    [Theory]
    [InlineData("postgresql://marcus:pw@db.example:5433/app", "Host=db.example;Port=5433;Database=app;Username=marcus;Password=pw")]
    [InlineData("postgres://marcus@db.example", "Host=db.example;Username=marcus")]
    [InlineData("postgresql://mar%40cus:p%2Fw%3F%25%20+@db/a%20b", "Host=db;Database=a b;Username=mar@cus;Password=p/w?% +")]
    [InlineData("postgresql://marcus@[::1]:5433/app", "Host=::1;Port=5433;Database=app;Username=marcus")]
    [InlineData("postgresql://marcus@[2001:db8::1]/app", "Host=2001:db8::1;Database=app;Username=marcus")]
    [InlineData("postgresql://marcus@a:1,b,[::1]:2/app", "Host=a:1,b,[::1]:2;Database=app;Username=marcus;Target Session Attributes=read-write")]
    [InlineData("postgresql://a,b/app?user=marcus&target_session_attrs=any", "Host=a,b;Database=app;Username=marcus;Target Session Attributes=any")]
    [InlineData("postgresql://marcus@/app?host=/var/run/postgresql", "Host=/var/run/postgresql;Database=app;Username=marcus")]
    [InlineData("postgresql://marcus@%2Fvar%2Frun%2Fpostgresql/app", "Host=/var/run/postgresql;Database=app;Username=marcus")]
    [InlineData("postgresql:///app?host=db&port=5433&user=marcus&password=p%26w", "Host=db;Port=5433;Database=app;Username=marcus;Password=p&w")]
    [InlineData("postgresql://marcus@db/app?sslmode=verify-full&sslrootcert=system", "Host=db;Database=app;Username=marcus;SSL Mode=VerifyFull")]
    [InlineData("postgresql://marcus@db/app?sslmode=verify-ca&channel_binding=require", "Host=db;Database=app;Username=marcus;SSL Mode=VerifyCA;Channel Binding=Require")]
    [InlineData("postgresql://marcus@db/app?application_name=mine&connect_timeout=7", "Host=db;Database=app;Username=marcus;Application Name=mine;Timeout=7")]
    [InlineData("postgresql://marcus@db/app?options=-c%20search_path%3Dtokens", "Host=db;Database=app;Username=marcus;Options=-c search_path=tokens")]
    [InlineData("Server=db;User Id=marcus;MaxPoolSize=3;Command Timeout=4", "Host=db;Username=marcus;Maximum Pool Size=3;Command Timeout=4")]
    public void Each_form_is_parsed(string value, string same)
    {
        var read = ConnectionStrings.Parse("DATABASE_URL", value).UnpooledConnectionString();
        new NpgsqlConnectionStringBuilder(read).EquivalentTo(new NpgsqlConnectionStringBuilder(ConnectionStrings.Parse("DATABASE_URL", same).UnpooledConnectionString()))
            .Should().BeTrue($"{value} is {same}, but was read as {read}");
    }

    [Theory]
    [InlineData("nonsense-" + Secret, "neither a URI nor")]
    [InlineData("mysql://u:" + Secret + "@h/d", "neither a URI nor")]
    [InlineData("Host=h;Username=u;Password=" + Secret + ";pass" + Secret + "=1", "keyword number 4")]
    [InlineData("Host=h;Username=u;Password='" + Secret, "neither a URI nor")]
    [InlineData("Host=h;Username=u;Password=" + Secret + ";Port=" + Secret, "port has an invalid value")]
    [InlineData("Username=u;Password=" + Secret, "the host is missing")]
    [InlineData("Host=h;Password=" + Secret, "the user is missing")]
    [InlineData("postgresql://h/d", "the user is missing")]
    [InlineData("postgresql://u:" + Secret + "@/d", "the host is missing")]
    [InlineData("postgresql://u:1/" + Secret + "@h/d", "there is an @ after the host")]
    [InlineData("postgresql://u:1?" + Secret + "=1@h/d", "there is an @ after the host")]
    [InlineData("postgresql://u:" + Secret + "%zz@h/d", "the password contains a %")]
    [InlineData("postgresql://u:x@" + Secret + ":99999/d", "a port is not a number")]
    [InlineData("postgresql://u:x@[h/d" + Secret, "a host does not have the form")]
    [InlineData("postgresql://u:" + Secret + "@h/d?sslmodus=1", "parameter number 1 is unknown")]
    [InlineData("postgresql://h/d?user=u&password=1&" + Secret + "=2", "parameter number 3 is unknown")]
    [InlineData("postgresql://u%00:" + Secret + "@h/d", "the user has an invalid value")]
    [InlineData("postgresql://u:" + Secret + "@h/d?sslmode=" + Secret, "the parameter sslmode has an invalid value")]
    [InlineData("postgresql://u:" + Secret + "@h/d?sslmode", "the parameter sslmode has no value")]
    [InlineData("postgresql://u:" + Secret + "@h/d?sslrootcert=/" + Secret, "root certificate")]
    public void An_invalid_value_is_refused_with_the_name_of_the_setting_and_without_the_value(string value, string problem)
    {
        var parse = () => ConnectionStrings.Parse("DATABASE_URL", value);
        var error = parse.Should().Throw<InvalidSettingException>().Which;
        error.Message.Should().StartWith("DATABASE_URL: ").And.ContainEquivalentOf(problem);
        error.ToString().Should().NotContain(Secret);
    }

    [Fact]
    public void Without_any_setting_the_error_names_both()
    {
        var read = () => ConnectionStrings.Read(Configuration());
        read.Should().Throw<InvalidSettingException>().WithMessage("*ConnectionStrings__Postgres or DATABASE_URL*");
    }

    [Fact]
    public void The_operators_own_setting_takes_precedence()
    {
        var both = Configuration(("ConnectionStrings:Postgres", "Host=own;Username=u"), ("DATABASE_URL", "postgresql://u@common"));
        ConnectionStrings.Read(both).ToString().Should().Be("database u at own:5432");
        ConnectionStrings.Read(both).Setting.Should().Be("ConnectionStrings__Postgres");
        ConnectionStrings.Read(Configuration(("ConnectionStrings:Postgres", " "), ("DATABASE_URL", "postgresql://u@common")))
            .ToString().Should().Be("database u at common:5432");
    }

    [Fact]
    public void Options_that_would_reveal_secrets_are_off_even_when_they_are_set()
    {
        var settings = ConnectionStrings.Parse("DATABASE_URL", $"Host=h;Username=u;Password={Secret};Include Error Detail=true;Log Parameters=true;Persist Security Info=true");
        var read = new NpgsqlConnectionStringBuilder(settings.UnpooledConnectionString());
        (read.IncludeErrorDetail || read.LogParameters || read.PersistSecurityInfo).Should().BeFalse();
        settings.ToString().Should().NotContain(Secret);
    }

    [Fact]
    public void The_operators_defaults_apply_where_the_setting_has_no_value()
    {
        var read = new NpgsqlConnectionStringBuilder(ConnectionStrings.Parse("DATABASE_URL", "postgresql://u@h").UnpooledConnectionString());
        read.ApplicationName.Should().Be("token-operator");
        read.Timezone.Should().Be("UTC");
        read.CommandTimeout.Should().Be(10);
        read.KeepAlive.Should().Be(30);
        read.MaxPoolSize.Should().Be(20);
        read.MaxAutoPrepare.Should().Be(0, "a pooler may use another session for the next statement");
        read.GssEncryptionMode.Should().Be(GssEncryptionMode.Disable, "its library is not in the image, and searching for it can block a connection");
    }

    private static IConfiguration Configuration(params (string Key, string Value)[] values) =>
        new ConfigurationBuilder().AddInMemoryCollection(values.Select(v => KeyValuePair.Create(v.Key, (string?)v.Value))).Build();
}
