-- Add the table of consents that wait for their browser
--
-- No row outlives its lifetime of some minutes.
create table token_operator_consents (
  state_hash text constraint "PK_token_operator_consents" primary key,
  object_namespace text not null,
  object_name text not null,
  object_uid text not null,
  object_generation bigint not null,
  row_generation bigint not null,
  browser_hash text not null,
  verifier text not null,
  expires_at timestamptz not null
);
