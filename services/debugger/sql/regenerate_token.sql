-- Gives a personal access token another text; the last one ends. It keeps its scopes and note.
-- $1 uuid: id    $2 bytea: SHA-256 of the new text    $3 boolean: whether its end changes
-- $4 int: days until then, null for never
update personal_access_tokens
set hash       = $2,
    expires_at = case when $3 then now() + make_interval(days => $4::int) else expires_at end,
    last_used  = null
where id = $1
returning id, scopes, note, expires_at, last_used;
