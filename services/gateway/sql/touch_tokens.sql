-- Remembers when tokens were used, to the minute; never an earlier time than is known.
-- $1 uuid[]: ids    $2 timestamptz[]: when, one each
update personal_access_tokens
set last_used = used.at
from unnest($1::uuid[], $2::timestamptz[]) as used (id, at)
where personal_access_tokens.id = used.id
  and (last_used is null or last_used < used.at)
