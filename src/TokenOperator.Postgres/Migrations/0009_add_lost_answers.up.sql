-- Add when an answer was lost that can have replaced the refresh token
--
-- A provider may end a grant when its old refresh token comes after the grace period. That period starts when the first
-- request without an answer was sent, and a process that died in the middle of a request sent one, too.
alter table oauth_tokens
  add column unanswered_since timestamptz,
  add column claimed_at timestamptz;
