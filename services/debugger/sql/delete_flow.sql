-- Deletes a flow; its versions stay for the runs that began with them. No row: there was none.
-- $1 uuid: id
update flows
set deleted_at = now(), updated_at = now()
where id = $1 and deleted_at is null
returning id;
