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
    public void Each_form_says_where_the_database_is(string value, string same)
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
    [InlineData("Host=h;Username=u;Password=" + Secret + ";Port=" + Secret, "port has a value that it cannot have")]
    [InlineData("Username=u;Password=" + Secret, "names no host")]
    [InlineData("Host=h;Password=" + Secret, "names no user")]
    [InlineData("postgresql://h/d", "names no user")]
    [InlineData("postgresql://u:" + Secret + "@/d", "names no host")]
    [InlineData("postgresql://u:1/" + Secret + "@h/d", "an @ stands behind the host")]
    [InlineData("postgresql://u:1?" + Secret + "=1@h/d", "an @ stands behind the host")]
    [InlineData("postgresql://u:" + Secret + "%zz@h/d", "the password holds a %")]
    [InlineData("postgresql://u:x@" + Secret + ":99999/d", "a port is not a number")]
    [InlineData("postgresql://u:x@[h/d" + Secret, "a host is not of the form")]
    [InlineData("postgresql://u:" + Secret + "@h/d?sslmodus=1", "parameter number 1 is not known")]
    [InlineData("postgresql://h/d?user=u&password=1&" + Secret + "=2", "parameter number 3 is not known")]
    [InlineData("postgresql://u%00:" + Secret + "@h/d", "the user has a value that it cannot have")]
    [InlineData("postgresql://u:" + Secret + "@h/d?sslmode=" + Secret, "the parameter sslmode has a value that it cannot have")]
    [InlineData("postgresql://u:" + Secret + "@h/d?sslmode", "the parameter sslmode has no value")]
    [InlineData("postgresql://u:" + Secret + "@h/d?sslrootcert=/" + Secret, "root certificate")]
    public void A_wrong_value_is_refused_with_the_settings_name_and_without_the_value(string value, string problem)
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
    public void The_operators_own_setting_wins_over_the_common_one()
    {
        var both = Configuration(("ConnectionStrings:Postgres", "Host=own;Username=u"), ("DATABASE_URL", "postgresql://u@common"));
        ConnectionStrings.Read(both).ToString().Should().Be("database u at own:5432");
        ConnectionStrings.Read(both).Setting.Should().Be("ConnectionStrings__Postgres");
        ConnectionStrings.Read(Configuration(("ConnectionStrings:Postgres", " "), ("DATABASE_URL", "postgresql://u@common")))
            .ToString().Should().Be("database u at common:5432");
    }

    [Fact]
    public void What_would_let_secrets_out_is_off_even_when_it_is_asked_for()
    {
        var settings = ConnectionStrings.Parse("DATABASE_URL", $"Host=h;Username=u;Password={Secret};Include Error Detail=true;Log Parameters=true;Persist Security Info=true");
        var read = new NpgsqlConnectionStringBuilder(settings.UnpooledConnectionString());
        (read.IncludeErrorDetail || read.LogParameters || read.PersistSecurityInfo).Should().BeFalse();
        settings.ToString().Should().NotContain(Secret);
    }

    [Fact]
    public void The_operators_defaults_hold_where_the_setting_is_silent()
    {
        var read = new NpgsqlConnectionStringBuilder(ConnectionStrings.Parse("DATABASE_URL", "postgresql://u@h").UnpooledConnectionString());
        read.ApplicationName.Should().Be("token-operator");
        read.Timezone.Should().Be("UTC");
        read.CommandTimeout.Should().Be(10);
        read.KeepAlive.Should().Be(30);
        read.MaxPoolSize.Should().Be(20);
        read.MaxAutoPrepare.Should().Be(0, "a pooler may give the next statement another session");
        read.GssEncryptionMode.Should().Be(GssEncryptionMode.Disable, "its library is not in the image, and looking for it can hang a connection");
    }

    private static IConfiguration Configuration(params (string Key, string Value)[] values) =>
        new ConfigurationBuilder().AddInMemoryCollection(values.Select(v => KeyValuePair.Create(v.Key, (string?)v.Value))).Build();
}
