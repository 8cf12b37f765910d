using TokenOperator.Core.Settings;
using TokenOperator.Providers.Documents;
using TokenOperator.Providers.Registry;

namespace TokenOperator.Tests.Providers.Registry;

public sealed class ProviderFolderTests : IDisposable
{
    private readonly string _path = Directory.CreateTempSubdirectory("providers-").FullName;

    public void Dispose() => Directory.Delete(_path, recursive: true);

    [Fact]
    public void Each_file_is_a_document_named_after_it()
    {
        Write("acme.yaml", "tokenEndpoint: https://idp.example/token\nallowEndpointMoveFrom: old.example\n");
        Write("other.json", """{"extends": "google"}""");
        Write("README.md", "no document");
        Write(".hidden.yaml", "tokenEndpoint: x");

        var documents = new ProviderFolder(_path).Read()!;

        documents.Select(document => (document.Name, document.Source, document.Origin, document.Error)).Should().BeEquivalentTo(
            new[] { ("acme", DocumentSource.Folder, "the file acme.yaml", (string?)null), ("other", DocumentSource.Folder, "the file other.json", null) });
        documents[0].MovesFrom.Should().Be("old.example");
        documents[0].Json.ToJsonString().Should().NotContain("allowEndpointMoveFrom");
    }

    [Fact]
    public void Nothing_is_returned_until_a_file_changes_as_a_mounted_ConfigMap_does()
    {
        Version("v1", "tokenEndpoint: https://idp.example/1\n");
        File.CreateSymbolicLink(Path.Combine(_path, "..data"), "..v1");
        File.CreateSymbolicLink(Path.Combine(_path, "acme.yaml"), Path.Combine("..data", "acme.yaml"));
        var folder = new ProviderFolder(_path);
        folder.Read()!.Should().ContainSingle();
        folder.Read().Should().BeNull();

        Version("v2", "tokenEndpoint: https://idp.example/2\n");
        File.Delete(Path.Combine(_path, "..data"));
        File.CreateSymbolicLink(Path.Combine(_path, "..data"), "..v2");

        folder.Read()!.Should().ContainSingle().Which.Json.ToJsonString().Should().Contain("idp.example/2");
        folder.Read().Should().BeNull();

        File.Delete(Path.Combine(_path, "acme.yaml"));
        folder.Read().Should().BeEmpty();
        folder.Read().Should().BeNull();
    }

    [Theory]
    [InlineData("acme.yaml", "a: [", "The file cannot be read: Line ")]
    [InlineData("acme.yaml", "", "the file is empty")]
    [InlineData("Acme.yaml", "tokenEndpoint: https://idp.example/token", "The name of the file is \"Acme\", which no provider can have")]
    public void A_file_that_cannot_be_used_is_a_document_with_an_error(string file, string text, string error)
    {
        Write(file, text);

        new ProviderFolder(_path).Read()!.Should().ContainSingle().Which.Error.Should().Contain(error);
    }

    [Fact]
    public void Two_files_of_one_name_are_an_error()
    {
        Write("acme.yaml", "tokenEndpoint: https://idp.example/token");
        Write("acme.json", """{"tokenEndpoint": "https://idp.example/token"}""");

        new ProviderFolder(_path).Read()!.Should().ContainSingle().Which.Error.Should().Contain("several files of this name").And.Contain("acme.json").And.Contain("acme.yaml");
    }

    [Fact]
    public void A_folder_that_does_not_exist_is_an_error_that_names_the_setting()
    {
        var read = () => new ProviderFolder(Path.Combine(_path, "none")).Read();

        read.Should().Throw<InvalidSettingException>().WithMessage("*none (ProviderFolder) does not exist*");
    }

    private void Write(string name, string text) => File.WriteAllText(Path.Combine(_path, name), text);

    private void Version(string name, string text)
    {
        Directory.CreateDirectory(Path.Combine(_path, $"..{name}"));
        Write(Path.Combine($"..{name}", "acme.yaml"), text);
    }
}
