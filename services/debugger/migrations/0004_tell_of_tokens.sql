-- Gateways keep personal access tokens in memory. They hear of a change when it commits; that one was used is none.

create function tell_of_token() returns trigger language plpgsql as $$
begin
    perform pg_notify('flowhook_tokens', coalesce(new.id, old.id)::text);
    return null;
end
$$;

create trigger personal_access_tokens_tell
    after insert or delete or update of hash, scopes, expires_at on personal_access_tokens
    for each row execute function tell_of_token();
