-- A page of personal access tokens, newest first.
-- $1 uuid: only those behind it, null to begin    $2 int: at most this many
select id, scopes, note, expires_at, last_used
from personal_access_tokens
where $1::uuid is null or id < $1
order by id desc
limit $2;
