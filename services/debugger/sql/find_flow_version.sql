-- One version of a flow, also of one that was deleted since: its runs still need it.
-- $1 uuid: flow    $2 int: version
select v.flow_id, f.name, v.version, v.document, v.created_at, f.deleted_at is not null as deleted
from flow_versions v
join flows f on f.id = v.flow_id
where v.flow_id = $1 and v.version = $2;
