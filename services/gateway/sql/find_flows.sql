-- Flows with the document of their current version. One that is not there, or was deleted, has no row.
-- $1 uuid[]: which
select flows.id, flows.name, status, current_version, token_generation, previous_generation, previous_until, document
from flows
join flow_versions on flow_versions.flow_id = flows.id and flow_versions.version = flows.current_version
where flows.id = any($1) and deleted_at is null
