alter table oauth_tokens drop column claim_term;
