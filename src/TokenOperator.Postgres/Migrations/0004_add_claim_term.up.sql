-- Add the leader's term to the claim
--
-- A leader that was paused has a lower term than its successor, so it cannot take over the successor's claim.
alter table oauth_tokens add column claim_term bigint;
