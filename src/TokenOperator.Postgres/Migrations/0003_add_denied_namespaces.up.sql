-- Add the namespaces that an administrator keeps away from an account
alter table oauth_tokens add column denied_namespaces text[];
