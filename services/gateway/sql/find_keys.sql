-- The runs that have these keys, and what the record knows of them. A key that nobody has, or nobody any more, has no row.
-- $1 uuid[]: flows    $2 bytea[]: SHA-256 of the keys    $3 interval: how long a key is kept
--
-- One row, and one of one partition, is looked up for each key, whatever the planner thinks of their number.
select
    known.flow_id,
    known.key,
    known.request,
    known.run_id,
    known.state,
    known.response,
    greatest(0, extract(epoch from now() - known.claimed_at) * 1000)::bigint as age_ms,
    run.status,
    run.response::text as recorded
from unnest($1::uuid[], $2::bytea[]) as asked (flow_id, key)
cross join lateral (
    select * from idempotency_keys where flow_id = asked.flow_id and key = asked.key limit 1
) as known
left join lateral (select status, response from runs where id = known.run_id limit 1) as run on true
where known.claimed_at >= now() - $3::interval
