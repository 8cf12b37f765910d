using TokenOperator.Core.Documents;

namespace TokenOperator.Tests.Core.Documents;

public sealed class ClientFileReaderTests
{
    private const string Source = "Secret mail/gmail-oauth-client, key credentials.json";

    [Theory]
    [InlineData("""{"installed": {"client_id": "id", "client_secret": "marked-secret", "redirect_uris": ["http://localhost"], "token_uri": "https://evil.example"}}""")]
    [InlineData("""{"web": {"client_id": "id", "client_secret": "marked-secret"}}""")]
    [InlineData("""{"installed": {"client_id": "id", "client_secret": "marked-secret"}, "web": {"client_id": "other", "client_secret": "other"}}""")]
    [InlineData("""{"token": "t", "refresh_token": "r", "client_id": "id", "client_secret": "marked-secret"}""")]
    [InlineData("""{"type": "authorized_user", "client_id": "id", "client_secret": "marked-secret", "refresh_token": "r"}""")]
    [InlineData("\uFEFF{\"web\": {\"client_id\": \"id\", \"client_secret\": \"marked-secret\"}}\r\n")]
    public void The_client_is_read_from_every_document_that_has_one(string content)
    {
        var client = ClientFileReader.Read(content, Source);

        client.ClientId.Should().Be("id");
        client.ClientSecret!.Reveal().Should().Be("marked-secret");
    }

    [Theory]
    [InlineData("", "*it is empty*")]
    [InlineData("  \n", "*it is empty*")]
    [InlineData("null", "*line 1, column 1: null was found, a JSON object*")]
    [InlineData("{}", "*installed or web*none of these fields*")]
    [InlineData("""{"installed": {"client_id": "id", "client_secret": "marked-""", "*line 1, column 60*cut off*")]
    [InlineData("{\"installed\":\n  {\"client_id\" \"marked-secret\"}}", "*line 2, column 16: this is not valid JSON*")]
    [InlineData("""{"installed": {"client_id": "id", "client_secret": "marked-secret"}} marked-secret""", "*line 1, column 70*")]
    [InlineData("""{"installed": {"client_secret": "marked-secret"}}""", "*field installed.client_id*missing*")]
    [InlineData("""{"web": {"client_id": "id"}}""", "*field web.client_secret*missing*")]
    [InlineData("""{"web": {"client_id": "id", "client_secret": ""}}""", "*field web.client_secret*")]
    [InlineData("""{"web": {"client_id": "id", "client_secret": ["marked-secret"]}}""", "*field web.client_secret: expected a string.")]
    [InlineData("""{"web": {"client_id": "id", "client_secret": "marked-secret\n"}}""", "*field web.client_secret*line break*")]
    [InlineData("""{"web": "marked-secret"}""", "*field web: expected a JSON object.")]
    [InlineData("""{"type": "service_account", "client_id": "1", "private_key": "marked-secret"}""", "*a service account key was found*")]
    [InlineData("""{"type": "marked-secret", "client_id": "1", "client_secret": "2"}""", "*field type: expected authorized_user*")]
    [InlineData("""{"access_token": "marked-secret", "refresh_token": "marked-secret"}""", "*a token file without a client*")]
    public void Anything_else_is_rejected_with_its_position_and_without_its_content(string content, string message)
    {
        var read = () => ClientFileReader.Read(content, Source);

        read.Should().Throw<InvalidDocumentException>().WithMessage(message).WithMessage(Source + ": *")
            .Which.ToString().Should().NotContain("marked-secret");
    }
}
