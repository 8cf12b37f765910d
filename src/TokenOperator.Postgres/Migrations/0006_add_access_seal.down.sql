alter table oauth_tokens
  drop column namespace_uids,
  drop column access_seal;
