do $$
declare
  made text[] := array(select part from token_operator_made);
begin
  if 'table' = any(made) then
    drop table oauth_tokens;
  end if;
  if 'unique' = any(made) then
    alter table oauth_tokens drop constraint token_operator_provider_account_key;
  end if;
  if made && array['id-default-uuid', 'id-default-text'] then
    alter table oauth_tokens alter column id drop default;
  end if;
end $$;

drop table token_operator_made;
