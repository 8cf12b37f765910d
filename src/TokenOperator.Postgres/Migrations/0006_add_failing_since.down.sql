alter table oauth_tokens drop column failing_since;
