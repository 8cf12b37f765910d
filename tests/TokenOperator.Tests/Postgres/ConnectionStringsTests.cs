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
    [InlineData("postgresql://marcus@db/app?keepalives=1&keepalives_idle=30&keepalives_interval=10", "Host=db;Database=app;Username=marcus;TCP Keepalive=true;TCP Keepalive Time=30;TCP Keepalive Interval=10")]
    [InlineData("postgresql://marcus@db/app?keepalives=0", "Host=db;Database=app;Username=marcus;TCP Keepalive=false")]
    [InlineData("postgresql://marcus@db/app?keepalives_interval=10", "Host=db;Database=app;Username=marcus;TCP Keepalive Time=7200;TCP Keepalive Interval=10")]
    [InlineData("postgresql://marcus@db/app?fallback_application_name=mine", "Host=db;Database=app;Username=marcus;Application Name=mine")]
    [InlineData("postgresql://marcus@db/app?fallback_application_name=mine&application_name=own", "Host=db;Database=app;Username=marcus;Application Name=own")]
    [InlineData("postgresql://marcus@a,b/app?load_balance_hosts=random", "Host=a,b;Database=app;Username=marcus;Load Balance Hosts=true")]
    [InlineData("postgresql://marcus@a,b/app?load_balance_hosts=disable", "Host=a,b;Database=app;Username=marcus;Load Balance Hosts=false")]
    [InlineData("postgresql://marcus@/app?hostaddr=10.0.0.7", "Host=10.0.0.7;Database=app;Username=marcus")]
    [InlineData("postgresql://marcus@db/app?requiressl=1", "Host=db;Database=app;Username=marcus;SSL Mode=Require")]
    [InlineData("postgresql://marcus@db/app?require_auth=scram-sha-256", "Host=db;Database=app;Username=marcus;Require Auth=ScramSHA256")]
    [InlineData("postgresql://marcus@db/app?connect_timeout=5000", "Host=db;Database=app;Username=marcus;Timeout=1024")]
    [InlineData("postgresql://marcus@db/app?connect_timeout=0", "Host=db;Database=app;Username=marcus")]
    [InlineData("postgresql://marcus@db/app?client_encoding=auto&replication=false", "Host=db;Database=app;Username=marcus")]
    [InlineData("postgresql://marcus@db/app?target_session_attrs=any", "Host=db;Database=app;Username=marcus")]
    [InlineData("postgresql://marcus@db/app?target_session_attrs=read-write", "Host=db;Database=app;Username=marcus")]
    [InlineData("postgresql://marcus@db/app?target_session_attrs=prefer-standby", "Host=db;Database=app;Username=marcus")]
    [InlineData("Host=db;Username=marcus;Target Session Attributes=primary", "Host=db;Username=marcus")]
    [InlineData("Host=db;Username=marcus;sslmode=verify-ca;connect_timeout=7", "Host=db;Username=marcus;SSL Mode=VerifyCA;Timeout=7")]
    [InlineData("Host=db;Username=marcus;Multiplexing=true", "Host=db;Username=marcus")]
    [InlineData("postgresql://u:p/w@db.example:5433/app", "Host=db.example;Port=5433;Database=app;Username=u;Password=p/w")]
    [InlineData("postgresql://u:p?w@db/app?sslmode=require", "Host=db;Database=app;Username=u;Password=p?w;SSL Mode=Require")]
    [InlineData("postgresql://u:p#w@db/app", "Host=db;Database=app;Username=u;Password=p#w")]
    [InlineData("postgresql://u:p@w@db/app", "Host=db;Database=app;Username=u;Password=p@w")]
    [InlineData("postgresql://u:a+/b=?c#d!@db/app", "Host=db;Database=app;Username=u;Password=a+/b=?c#d!")]
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
    [InlineData("postgresql://u:" + Secret + "@h/d?sslmodus=1", "the parameter sslmodus is unknown")]
    [InlineData("postgresql://u:" + Secret + "@h/d?password=1&second=2", "parameter number 2 is unknown")]
    [InlineData("postgresql://h:1?" + Secret + "=2", "parameter number 1 is unknown")]
    [InlineData("host=h port=1 user=u password=" + Secret, "separated by blanks")]
    [InlineData("postgresql://u:a/b@" + Secret + "/c@h/d", "leave the password out and set PGPASSWORD")]
    [InlineData("postgresql://u:" + Secret + "@h/d?sslmode=verify_all", "disable, allow, prefer, require, verify-ca or verify-full")]
    [InlineData("postgresql://u:" + Secret + "@h/d?sslmode=no-verify", "write require")]
    [InlineData("postgresql://u:" + Secret + "@h/d?sslcert=/" + Secret, "sslcert) does not exist")]
    [InlineData("postgresql://u:" + Secret + "@h/d?connect_timeout=soon", "a number of seconds")]
    [InlineData("postgresql://u:" + Secret + "@h/d?load_balance_hosts=yes", "the parameter load_balance_hosts has an invalid value")]
    [InlineData("postgresql://u:" + Secret + "@h/d?target_session_attrs=standby", "the operator writes to Postgres")]
    [InlineData("postgresql://u:" + Secret + "@h,i/d?target_session_attrs=read-only", "the operator writes to Postgres")]
    [InlineData("Host=h;Username=u;Password=" + Secret + ";Target Session Attributes=standby", "the operator writes to Postgres")]
    [InlineData("Host=h;Username=u;Password=" + Secret + ";Minimum Pool Size=30;Maximum Pool Size=2", "does not accept these values together")]
    [InlineData("Host=h;Username=u;Password=" + Secret + ";SSL Mode=Disable;SSL Negotiation=Direct", "does not accept these values together")]
    [InlineData("Host=h;Username=u;Password=" + Secret + ";Encoding=nonsense", "does not accept these values together")]
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

    [Theory]
    [InlineData("keepalives_count=3", "keepalives_count")]
    [InlineData("tcp_user_timeout=1000", "tcp_user_timeout")]
    [InlineData("sslcrl=/crl.pem", "sslcrl")]
    [InlineData("sslcrldir=/crl", "sslcrldir")]
    [InlineData("sslsni=1", "sslsni")]
    [InlineData("ssl_min_protocol_version=TLSv1.3", "ssl_min_protocol_version")]
    [InlineData("hostaddr=10.0.0.1", "hostaddr")]
    [InlineData("connect_timeout=-1", "connect_timeout")]
    [InlineData("client_encoding=LATIN1", "client_encoding")]
    [InlineData("target_session_attrs=read-write", "target_session_attrs")]
    [InlineData("target_session_attrs=prefer-standby", "target_session_attrs")]
    [InlineData("sslmode=require&connect_timeout=3&keepalives=1&application_name=a&options=-c%20a%3Db&target_session_attrs=any", null)]
    public void A_parameter_of_libpq_without_effect_is_accepted_with_a_note(string query, string? noted)
    {
        var settings = ConnectionStrings.Parse("DATABASE_URL", $"postgresql://u:{Secret}@h/d?{query}");
        if (noted is null)
            settings.Notes.Should().BeEmpty();
        else
            settings.Notes.Should().ContainSingle().Which.Should().Contain(noted).And.Contain("has no effect").And.NotContain(Secret);
        using var pool = settings.CreatePool();
    }

    [Theory]
    [InlineData("pgbouncer=true", "pgbouncer", "leave it out")]
    [InlineData("ssl=true", "ssl", "sslmode=require")]
    [InlineData("sslmode=require&ssl=true", "ssl", "sslmode=require")]
    [InlineData("sslaccept=strict", "sslaccept", "sslmode=")]
    [InlineData("schema=tokens", "schema", "search_path")]
    [InlineData("currentSchema=tokens", "currentschema", "search_path")]
    [InlineData("connection_limit=5", "connection_limit", "Maximum Pool Size")]
    [InlineData("pool_timeout=5", "pool_timeout", "connect_timeout")]
    [InlineData("socketTimeout=5", "sockettimeout", "connect_timeout")]
    [InlineData("statement_timeout=5", "statement_timeout", "options=")]
    [InlineData("targetServerType=primary", "targetservertype", "target_session_attrs")]
    [InlineData("ApplicationName=x", "applicationname", "application_name")]
    [InlineData("statement_cache_capacity=0", "statement_cache_capacity", "leave it out")]
    [InlineData("service=mine", "service", "host, dbname and user")]
    [InlineData("replication=database", "replication", "leave it out")]
    [InlineData("sslMode=require", "sslmode", "lower case")]
    [InlineData("Pooling=false", "Npgsql", "Host=")]
    [InlineData("Maximum%20Pool%20Size=3", "Npgsql", "Host=")]
    public void A_parameter_of_another_driver_is_refused_by_name_with_what_to_write(string query, string name, string advice)
    {
        foreach (var uri in new[] { $"postgresql://u:{Secret}@h/d?{query}", $"postgresql:///d?host=h&user=u&password={Secret}&{query}" })
        {
            var parse = () => ConnectionStrings.Parse("DATABASE_URL", uri);
            parse.Should().Throw<InvalidSettingException>().Which.Message.Should().Contain(name).And.Contain(advice).And.NotContain("number").And.NotContain(Secret);
        }
    }

    [Theory]
    [InlineData("jdbc:postgresql://h/d?user=u&password=" + Secret, "jdbc:postgresql://")]
    [InlineData("postgresql+asyncpg://u:" + Secret + "@h/d", "postgresql+asyncpg://")]
    [InlineData("postgres+psycopg2://u:" + Secret + "@h/d", "postgres+psycopg2://")]
    [InlineData("ecto://u:" + Secret + "@h/d", "ecto://")]
    public void The_scheme_of_another_driver_is_refused_by_name(string value, string scheme)
    {
        var parse = () => ConnectionStrings.Parse("DATABASE_URL", value);
        parse.Should().Throw<InvalidSettingException>().Which.Message.Should().Contain(scheme).And.Contain("write postgresql://").And.NotContain(Secret);
    }

    [Theory]
    [InlineData("postgresql://db/app", "Host=db;Database=app;Username=env;Password=" + Secret + ";SSL Mode=VerifyFull")]
    [InlineData("postgresql://own@db/app?sslmode=require", "Host=db;Database=app;Username=own;Password=" + Secret + ";SSL Mode=Require")]
    [InlineData("postgresql://own:pw@db:1", "Host=db;Port=1;Database=envdb;Username=own;Password=pw;SSL Mode=VerifyFull")]
    [InlineData("Host=db;Database=app", "Host=db;Database=app;Username=env;Password=" + Secret + ";SSL Mode=VerifyFull")]
    [InlineData("postgresql://", "Host=envhost;Database=envdb;Username=env;Password=" + Secret + ";SSL Mode=VerifyFull")]
    [InlineData(null, "Host=envhost;Database=envdb;Username=env;Password=" + Secret + ";SSL Mode=VerifyFull")]
    public void The_variables_of_libpq_fill_in_what_the_connection_string_leaves_out(string? url, string same)
    {
        var read = ConnectionStrings.Read(Configuration(
            ("DATABASE_URL", url), ("PGHOST", "envhost"), ("PGUSER", "env"), ("PGPASSWORD", Secret), ("PGDATABASE", "envdb"), ("PGSSLMODE", "verify-full"), ("PGAPPNAME", "")));
        new NpgsqlConnectionStringBuilder(read.UnpooledConnectionString())
            .EquivalentTo(new NpgsqlConnectionStringBuilder(ConnectionStrings.Parse("DATABASE_URL", same).UnpooledConnectionString())).Should().BeTrue(read.ToString());
    }

    [Fact]
    public void A_variable_of_libpq_with_an_invalid_value_is_named()
    {
        var read = () => ConnectionStrings.Read(Configuration(("DATABASE_URL", "postgresql://u@h"), ("PGSSLMODE", Secret)));
        read.Should().Throw<InvalidSettingException>().Which.Message.Should().Contain("PGSSLMODE").And.Contain("verify-full").And.NotContain(Secret);
        ConnectionStrings.Read(Configuration(("DATABASE_URL", "postgresql://u@h"), ("PGSERVICE", "mine"))).Notes.Should().ContainSingle().Which.Should().Contain("PGSERVICE");
    }

    [Fact]
    public void The_documentation_names_every_variable_of_libpq()
    {
        var page = File.ReadAllText(Repository.File("docs/configuration.md"));
        ConnectionParameters.VariableNames.Where(name => !page.Contains($"`{name}`", StringComparison.Ordinal)).Should().BeEmpty();
    }

    [Fact]
    public void Without_any_setting_the_error_names_both()
    {
        var read = () => ConnectionStrings.Read(Configuration());
        read.Should().Throw<InvalidSettingException>().WithMessage("*ConnectionStrings__Postgres, DATABASE_URL or DATABASE_URL_FILE*");
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

    private static IConfiguration Configuration(params (string Key, string? Value)[] values) =>
        new ConfigurationBuilder().AddInMemoryCollection(values.Select(v => KeyValuePair.Create(v.Key, v.Value))).Build();
}
