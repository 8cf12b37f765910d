alter table oauth_tokens
  drop column unanswered_since,
  drop column claimed_at;
