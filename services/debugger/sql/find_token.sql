-- A personal access token that has not run out.
-- $1 bytea: SHA-256 of the token
select id, scopes, coalesce(last_used < now() - interval '1 minute', true) as stale
from personal_access_tokens
where hash = $1 and (expires_at is null or expires_at > now());
