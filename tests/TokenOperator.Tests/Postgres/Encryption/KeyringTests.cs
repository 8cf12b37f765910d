using System.Security.Cryptography;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using TokenOperator.Core.Settings;
using TokenOperator.Postgres.Encryption;
using TokenOperator.TestBed;

namespace TokenOperator.Tests.Postgres.Encryption;

public sealed class KeyringTests : IDisposable
{
    private readonly TestKeyring _keys = new();
    private readonly FakeTimeProvider _time = new();
    private readonly ListLogger _log = new();

    public void Dispose() => _keys.Dispose();

    [Fact]
    public void The_key_whose_name_comes_last_is_current()
    {
        foreach (var id in new[] { "2026-02-01", "2025-12-31", "2026-01-01" })
            _keys.Add(id);
        var keyring = Open();
        keyring.Current.Id.Should().Be("2026-02-01");
        keyring.Ids.Should().Equal("2025-12-31", "2026-01-01", "2026-02-01");
        keyring.Find("2025-12-31")!.Id.Should().Be("2025-12-31");
        keyring.Find("2024").Should().BeNull();
    }

    [Fact]
    public void A_key_is_32_bytes_or_their_base64()
    {
        var bytes = RandomNumberGenerator.GetBytes(32);
        Write("raw", bytes);
        File.WriteAllText(Path.Combine(_keys.Folder, "text"), Convert.ToBase64String(bytes));
        File.WriteAllText(Path.Combine(_keys.Folder, "line"), Convert.ToBase64String(bytes) + "\n");
        var keyring = Open();
        keyring.Find("raw")!.HasBytesOf(keyring.Find("text")!).Should().BeTrue();
        keyring.Find("raw")!.HasBytesOf(keyring.Find("line")!).Should().BeTrue();
    }

    [Theory]
    [InlineData("")]
    [InlineData("marked-4711")]
    [InlineData("marked-4711-that-has-32-characters")]
    [InlineData("0123456789abcdef0123456789abcdef")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("????????????????????????????????????????????")]
    public void A_file_without_a_key_is_refused_with_its_name_and_without_its_content(string content)
    {
        _keys.Add("good");
        File.WriteAllText(Path.Combine(_keys.Folder, "wrong"), content);
        FluentActions.Invoking(Open).Should().Throw<InvalidSettingException>()
            .WithMessage($"The key file {_keys.Folder}/wrong does not contain a key; expected 32 random bytes, or their base64*")
            .Which.ToString().Should().NotContain("marked");
    }

    [Fact]
    public void A_folder_that_is_missing_or_empty_is_refused_with_its_setting()
    {
        FluentActions.Invoking(Open).Should().Throw<InvalidSettingException>().WithMessage("*Encryption__KeyringPath*is empty*");
        _keys.Dispose();
        FluentActions.Invoking(Open).Should().Throw<InvalidSettingException>().WithMessage("*Encryption__KeyringPath*does not exist*keys new --folder*");
    }

    [Fact]
    public void The_links_and_folders_of_a_mounted_Secret_are_not_keys()
    {
        var version = Directory.CreateDirectory(Path.Combine(_keys.Folder, "..2026_01_01"));
        File.WriteAllText(Path.Combine(version.FullName, "2026-01-01"), DataKey.NewText());
        Directory.CreateSymbolicLink(Path.Combine(_keys.Folder, "..data"), "..2026_01_01");
        File.CreateSymbolicLink(Path.Combine(_keys.Folder, "2026-01-01"), "..data/2026-01-01");
        Open().Ids.Should().Equal("2026-01-01");
    }

    [Fact]
    public void A_key_that_is_added_later_takes_effect_without_a_restart()
    {
        _keys.Add("1");
        var keyring = Open();
        _keys.Add("2");
        keyring.Current.Id.Should().Be("1", "the folder was checked a moment ago");
        keyring.Find("2")!.Id.Should().Be("2", "a row needs it");
        keyring.Current.Id.Should().Be("2");
        _keys.Add("3");
        _time.Advance(TimeSpan.FromSeconds(5));
        keyring.Current.Id.Should().Be("3");
        _keys.Remove("1");
        _time.Advance(TimeSpan.FromSeconds(5));
        keyring.Find("1").Should().BeNull();
    }

    [Fact]
    public void While_the_folder_cannot_be_used_the_previous_keys_stay_in_use()
    {
        _keys.Add("1");
        var keyring = Open();
        File.WriteAllText(Path.Combine(_keys.Folder, "2"), "half a key");
        for (var look = 0; look < 3; look++)
        {
            _time.Advance(TimeSpan.FromSeconds(5));
            keyring.Current.Id.Should().Be("1");
        }

        _log.Lines.Should().ContainSingle(line => line.Contains("stay in use", StringComparison.Ordinal)).Which.Should().NotContain("half a key");
        _keys.Remove("2");
        _keys.Remove("1");
        _time.Advance(TimeSpan.FromSeconds(5));
        keyring.Current.Id.Should().Be("1");
    }

    [Theory]
    [InlineData(true, "604", true)]
    [InlineData(true, "644", true)]
    [InlineData(true, "640", false)]
    [InlineData(true, "600", false)]
    [InlineData(false, "644", false)]
    public void A_key_file_that_every_user_of_the_machine_can_read_is_reported(bool folderIsOpen, string mode, bool isReported)
    {
        _keys.Add("1");
        UnixMode.Set(Path.Combine(_keys.Folder, "1"), mode);
        UnixMode.Set(_keys.Folder, folderIsOpen ? "755" : "700");
        Open();
        _log.Lines.Any(line => line.Contains($"chmod o-rwx {_keys.Folder}/1", StringComparison.Ordinal)).Should().Be(isReported);
    }

    [Fact]
    public void A_mounted_Secret_is_visible_to_the_pod_only_and_not_reported()
    {
        _keys.Add("1");
        UnixMode.Set(_keys.Folder, "755");
        Directory.CreateDirectory(Path.Combine(_keys.Folder, "..data"));
        Open();
        _log.Lines.Should().NotContain(line => line.Contains("chmod", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(null, null, "There is no key*Encryption__KeyringPath=DIR*Encryption=None*")]
    [InlineData("", " ", "There is no key*")]
    [InlineData("true", null, "The setting Encryption cannot be used; expected None*")]
    [InlineData("true", "/keys", "The setting Encryption cannot be used*")]
    [InlineData("Required", null, "There is no key*")]
    [InlineData("Optional", " ", "There is no key*")]
    public void Plain_text_must_be_requested_explicitly(string? encryption, string? path, string message)
    {
        FluentActions.Invoking(() => Read(encryption, path)).Should().Throw<InvalidSettingException>().WithMessage(message);
    }

    [Fact]
    public void The_settings_are_a_folder_or_None_or_both()
    {
        Read(null, "/keys").Should().Be(new EncryptionSettings("/keys", IsNone: false));
        Read("None", null).Should().Be(new EncryptionSettings(null, IsNone: true));
        Read("none", "/keys").Should().Be(new EncryptionSettings("/keys", IsNone: true));
        Read("Required", "/keys").Should().Be(new EncryptionSettings("/keys", IsNone: false, PlainRows.Refused));
        Read("optional", "/keys").Should().Be(new EncryptionSettings("/keys", IsNone: false, PlainRows.Accepted));
        Read("None", null).CreateCipher(_time, NullLogger<TokenCipher>.Instance).CurrentKeyId.Should().BeNull();
    }

    private static EncryptionSettings Read(string? encryption, string? path) => EncryptionSettings.Read(new ConfigurationBuilder()
        .AddInMemoryCollection([new("Encryption", encryption), new("Encryption:KeyringPath", path)]).Build());

    private Keyring Open() => new(_keys.Folder, _time, _log);

    private void Write(string id, byte[] content) => File.WriteAllBytes(Path.Combine(_keys.Folder, id), content);
}
