-- A personal access token that nobody else changes until the transaction ends.
-- $1 uuid: id
select id, scopes, note, expires_at, last_used
from personal_access_tokens
where id = $1
for update;
