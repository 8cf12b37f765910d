using System.Text;
using TokenOperator.Core.Settings;
using TokenOperator.Core.Tokens;
using TokenOperator.Postgres;

namespace TokenOperator.Tests.Hostile;

public sealed class SettingFuzzTests
{
    private static readonly string[] Addresses =
    [
        "postgresql://tokens:MARKED@db.example:5432/tokens?sslmode=verify-full&connect_timeout=5",
        "postgresql:///tokens?host=db&port=5433&user=tokens&password=MARKED",
        "postgres://tokens:MARKED@[::1]:5433,b:1/tokens?target_session_attrs=read-write",
        "Host=db;Port=5432;Database=tokens;Username=tokens;Password=MARKED;SSL Mode=VerifyFull",
        "Host=db;Username=tokens;Password='MARKED;;=';Timeout=5",
    ];

    [Fact]
    public Task A_damaged_connection_setting_is_read_or_refused_and_its_secrets_are_not_repeated() =>
        Fuzz.RunAsync(Addresses, content =>
        {
            try
            {
                ConnectionStrings.Parse("DATABASE_URL", Encoding.UTF8.GetString(content));
            }
            catch (InvalidSettingException e)
            {
                Fuzz.RefuseEcho(e.ToString());
                Fuzz.RequireShowable(e.Message, 600);
            }
        });

    [Fact]
    public Task A_damaged_duration_is_read_or_refused() =>
        Fuzz.RunAsync(["15m", "1h30m", "90s", "87600h"], content =>
        {
            if (DurationText.TryParse(Encoding.UTF8.GetString(content), out var duration))
                duration.Should().BeGreaterThanOrEqualTo(TimeSpan.Zero).And.BeLessThanOrEqualTo(TimeSpan.FromDays(3650));
        });
}
