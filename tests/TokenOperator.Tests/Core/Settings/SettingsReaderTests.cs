using Microsoft.Extensions.Configuration;
using TokenOperator.Core.Settings;

namespace TokenOperator.Tests.Core.Settings;

public sealed class SettingsReaderTests
{
    private static readonly Setting<int> Count = Setting.Number("Group__Count", "", 3, 1, 9);
    private static readonly Setting<double> Ratio = Setting.Number("Ratio", "", 0.5, 0.01, 1);
    private static readonly Setting<bool> Flag = Setting.Flag("Flag", "", true);
    private static readonly Setting<TimeSpan> Wait = Setting.Duration("Wait", "", TimeSpan.FromMinutes(1), TimeSpan.FromSeconds(1), TimeSpan.FromHours(1));
    private static readonly Setting<Uri?> Address = Setting.Address("Address", "");
    private static readonly Setting<DayOfWeek> Day = Setting.Choice("Day", "", DayOfWeek.Monday);
    private static readonly Setting<IReadOnlyList<string>> Names = Setting.List("Names", "", ',', "lower-case words", word => word.All(char.IsAsciiLetterLower), "none");
    private static readonly Setting<string?> Color = Setting.Text("Things__NAME__Color", "", "red", "red or blue", text => text is "red" or "blue");

    [Fact]
    public void Absent_and_blank_settings_are_read_as_their_defaults()
    {
        var reader = Reader(("Group:Count", " "), ("Flag", ""));
        reader.Get(Count).Should().Be(3);
        reader.Get(Ratio).Should().Be(0.5);
        reader.Get(Flag).Should().BeTrue();
        reader.Get(Wait).Should().Be(TimeSpan.FromMinutes(1));
        reader.Get(Address).Should().BeNull();
        reader.Get(Day).Should().Be(DayOfWeek.Monday);
        reader.Get(Names).Should().BeEmpty();
        reader.Get(Color, "car").Should().Be("red");
        reader.IsAbsent(Count).Should().BeTrue();
        reader.ThrowIfInvalid();
    }

    [Fact]
    public void Values_are_read_by_their_types()
    {
        var reader = Reader(
            ("Group:Count", " 9 "), ("Ratio", "0.25"), ("Flag", "False"), ("Wait", "1m30s"), ("Address", "https://example.com/a"),
            ("Day", "friday"), ("Names", " a, b,,"), ("Things:car:Color", "blue"));
        reader.Get(Count).Should().Be(9);
        reader.Get(Ratio).Should().Be(0.25);
        reader.Get(Flag).Should().BeFalse();
        reader.Get(Wait).Should().Be(TimeSpan.FromSeconds(90));
        reader.Get(Address).Should().Be(new Uri("https://example.com/a"));
        reader.Get(Day).Should().Be(DayOfWeek.Friday);
        reader.Get(Names).Should().Equal("a", "b");
        reader.NamesUnder("Things__").Should().Equal("car");
        reader.Get(Color, "car").Should().Be("blue");
        reader.ThrowIfInvalid();
    }

    [Fact]
    public void All_errors_are_reported_together_in_the_order_of_reading()
    {
        var reader = Reader(
            ("Group:Count", "10"), ("Ratio", "0"), ("Flag", "perhaps"), ("Wait", "1h1s"), ("Address", "marked-secret"),
            ("Day", "Someday"), ("Names", "a, B"), ("Things:car:Color", "a\nb" + new string('x', 50)));
        reader.Get(Count).Should().Be(3, "an invalid setting is read as its default until all are reported");
        reader.Get(Ratio);
        reader.Get(Flag);
        reader.Get(Wait);
        reader.Get(Address);
        reader.Get(Day);
        reader.Get(Names);
        reader.Get(Color, "car");

        var report = reader.ThrowIfInvalid;
        report.Should().Throw<InvalidSettingException>().Which.Message.Split('\n').Should().Equal(
            "The setting Group__Count is \"10\"; expected a whole number from 1 to 9.",
            "The setting Ratio is \"0\"; expected a number from 0.01 to 1.",
            "The setting Flag is \"perhaps\"; expected true or false.",
            "The setting Wait is \"1h1s\"; expected a duration from 1s to 1h.",
            "The setting Address cannot be used; expected an https:// address.",
            "The setting Day is \"Someday\"; expected one of Sunday, Monday, Tuesday, Wednesday, Thursday, Friday, Saturday.",
            "The setting Names is \"a, B\"; expected lower-case words.",
            $"The setting Things__car__Color is \"a?b{new string('x', 37)}...\"; expected red or blue.");
    }

    private static SettingsReader Reader(params (string Key, string Value)[] settings) =>
        new(new ConfigurationBuilder().AddInMemoryCollection(settings.ToDictionary(setting => setting.Key, setting => (string?)setting.Value)).Build());
}
