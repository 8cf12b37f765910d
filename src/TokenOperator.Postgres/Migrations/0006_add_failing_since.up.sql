-- Add when the failures of an account began
--
-- An answer that the operator does not know needs someone to act when it has come for a day, however often it came.
alter table oauth_tokens add column failing_since timestamptz;
