-- Flows that live, without their documents, newest first: those behind a place in that order.
-- $1 text: status, null for all    $2 text: part of the name in any case, or the id, null for all
-- $3 timestamptz, $4 uuid: created_at and id of the last one seen, null to begin    $5 int: at most this many
select id, name, status, current_version, token_generation, previous_until, created_at, updated_at
from flows
where deleted_at is null
  and ($1::text is null or status = $1)
  and ($2::text is null or strpos(lower(name), lower($2)) > 0 or id::text = lower($2))
  and ($3::timestamptz is null or (created_at, id) < ($3, $4::uuid))
order by created_at desc, id desc
limit $5;
