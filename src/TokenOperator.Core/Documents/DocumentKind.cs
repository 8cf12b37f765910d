namespace TokenOperator.Core.Documents;

/// <summary>Recognizes documents that are mistaken for a client or token file, so that the message can name what was found.</summary>
internal static class DocumentKind
{
    /// <summary>Rejects Google's other kinds of credentials.</summary>
    public static void RejectOtherCredentials(JsonFields fields, string source, string expected)
    {
        var type = fields.Has("type") ? fields.Text("type") : null;
        var found = type switch
        {
            "service_account" => "a service account key",
            "external_account" or "external_account_authorized_user" => "a workload or workforce identity federation file",
            "impersonated_service_account" => "a file for impersonating a service account",
            null when fields.Has("private_key") => "a key file",
            _ => null,
        };
        if (found is not null)
            throw new InvalidDocumentException($"{source}: {found} was found, {expected} was expected. {(type is "service_account" ? "For a service account, set spec.grant to JWTBearer" : "For an identity without a stored secret, set spec.grant to WorkloadIdentity")} (docs/grants.md).");
        if (type is not (null or "authorized_user"))
            throw fields.Wrong("type", "authorized_user, or no such field");
    }

    /// <summary>The client in a file from the Google console, or null.</summary>
    public static JsonFields? ConsoleClient(JsonFields fields) => fields.Object("installed") ?? fields.Object("web");
}
