-- Add the namespaces to which an administrator has denied an account
alter table oauth_tokens add column denied_namespaces text[];
