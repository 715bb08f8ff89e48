-- The versions of a flow that lives, newest first, without their documents.
-- $1 uuid: flow    $2 int: only those before this version, null for all    $3 int: at most this many
select v.version, v.created_at
from flow_versions v
join flows f on f.id = v.flow_id
where v.flow_id = $1 and f.deleted_at is null
  and ($2::int is null or v.version < $2)
order by v.version desc
limit $3;
