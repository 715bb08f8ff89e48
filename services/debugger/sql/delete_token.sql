-- Revokes a personal access token; a row if it was there.
-- $1 uuid: id
delete from personal_access_tokens where id = $1 returning id;
