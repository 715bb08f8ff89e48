-- The rows of a batch's runs, as far as there are any, locked in the order of their ids. Times are ms since the epoch.
-- $1 uuid[]: the runs
select id, flow_id is not null as known, reply_to, error, queued_ms, run_ms, reply_status, reply_ms, status,
       attempt, holder, nonce, nonces, announced, released, lost, redelivered, now_ms,
       steps_seen,
       (extract(epoch from received_at) * 1000)::bigint as received_at_ms,
       (extract(epoch from started_at) * 1000)::bigint as started_at_ms,
       (extract(epoch from finished_at) * 1000)::bigint as finished_at_ms,
       (extract(epoch from parked_until) * 1000)::bigint as parked_until_ms,
       (extract(epoch from woken_at) * 1000)::bigint as woken_at_ms,
       (extract(epoch from swept_at) * 1000)::bigint as swept_at_ms,
       (extract(epoch from refused_at) * 1000)::bigint as refused_at_ms,
       (extract(epoch from seen_at) * 1000)::bigint as seen_at_ms
from runs
where id = any($1::uuid[])
order by id
for update;
