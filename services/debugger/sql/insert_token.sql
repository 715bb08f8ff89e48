-- Keeps a personal access token by its hash; nothing happens where it is known.
-- $1 uuid: id    $2 bytea: SHA-256 of the token    $3 text[]: scopes    $4 text: note
insert into personal_access_tokens (id, hash, scopes, note)
values ($1, $2, $3, $4)
on conflict (hash) do nothing;
