-- A flow that lives, with its current document, kept from other writers until the transaction ends.
-- $1 uuid: id
select f.id, f.name, f.status, f.current_version, f.token_generation, f.previous_until, f.created_at, f.updated_at,
       v.document
from flows f
join flow_versions v on v.flow_id = f.id and v.version = f.current_version
where f.id = $1 and f.deleted_at is null
for update of f;
