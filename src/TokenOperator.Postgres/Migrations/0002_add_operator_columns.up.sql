-- Add the operator's columns to oauth_tokens
--
-- Each column is null or has a constant default, so Postgres does not rewrite the table and holds the lock for a moment
-- only (PostgreSQL 11 and later: manual of ALTER TABLE, section Notes).
alter table oauth_tokens
  add column namespaces text[],
  add column generation bigint not null default 0,
  add column last_refresh_at timestamptz,
  add column claim_id uuid,
  add column claim_scope text,
  add column claimed_by text,
  add column claim_expires_at timestamptz,
  add column failures int not null default 0,
  add column failure_reason text,
  add column failure_detail text,
  add column failed_at timestamptz,
  add column retry_at timestamptz,
  add column failure_inputs text,
  add column seed_fingerprint text;
