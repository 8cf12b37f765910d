-- Add the table of consents that wait for a code to be entered on another device
--
-- No row outlives its code. device_code is encrypted like token_data.
create table token_operator_devices (
  id_hash text constraint "PK_token_operator_devices" primary key,
  object_namespace text not null,
  object_name text not null,
  object_uid text not null,
  object_generation bigint not null,
  row_generation bigint not null,
  device_code text not null,
  user_code text not null,
  verification_uri text not null,
  complete_uri text,
  poll_interval interval not null,
  next_poll_at timestamptz not null,
  expires_at timestamptz not null
);
