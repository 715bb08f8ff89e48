-- Keeps a personal access token by its hash; no row, and nothing happens, where it is known.
-- $1 uuid: id    $2 bytea: SHA-256 of the token    $3 text[]: scopes    $4 text: note
-- $5 int: days until it ends, null for never
insert into personal_access_tokens (id, hash, scopes, note, expires_at)
values ($1, $2, $3, $4, now() + make_interval(days => $5::int))
on conflict (hash) do nothing
returning id, scopes, note, expires_at, last_used;
