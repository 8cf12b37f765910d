alter table oauth_tokens drop column denied_namespaces;
