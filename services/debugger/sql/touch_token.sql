-- Remembers that a token was used just now.
-- $1 uuid: id
update personal_access_tokens set last_used = now() where id = $1;
