-- A flow that lives, kept from other writers until the transaction ends. Its document is read behind the lock: joined
-- here, a writer who waited would look for the version that was current before.
-- $1 uuid: id
select id from flows where id = $1 and deleted_at is null for update;
