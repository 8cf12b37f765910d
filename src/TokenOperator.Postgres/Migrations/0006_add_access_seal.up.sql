-- Add the UIDs of namespaces, and the seal of access lists
--
-- Earlier versions ignore both columns. A seal that is null belongs to a row whose access was last written without one.
alter table oauth_tokens
  add column namespace_uids text[],
  add column access_seal text;
