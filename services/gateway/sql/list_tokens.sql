-- Personal access tokens that have not run out, those that were used or made last first.
-- $1 int: at most this many
select id, hash, scopes, expires_at
from personal_access_tokens
where expires_at is null or expires_at > now()
order by greatest(last_used, created_at) desc
limit $1
