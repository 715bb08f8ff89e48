-- Personal access tokens by their hash or their id. One that is not there has no row.
-- $1 bytea[]: SHA-256 of tokens    $2 uuid[]: ids
select id, hash, scopes, expires_at
from personal_access_tokens
where hash = any($1) or id = any($2)
