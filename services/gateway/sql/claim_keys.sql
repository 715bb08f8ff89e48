-- Gives keys of flows to runs, each key at most once in a statement, and returns those that were given.
-- $1 uuid[]: flows    $2 bytea[]: SHA-256 of the keys    $3 bytea[]: SHA-256 of the requests    $4 uuid[]: runs
-- $5 bytea[]: the answers that are known already, null where not
-- $6 uuid[]: runs that are replaced, null where none: only then is a key given that another run has
-- $7 interval: after so long a key is anybody's again
--
-- The unique index decides between two that come at once. Rows are locked in the order of the keys, so two gateways
-- never wait for each other.
insert into idempotency_keys as known (flow_id, key, request, run_id, response, replaces)
select asked.flow_id, asked.key, asked.request, asked.run_id, asked.response, asked.replaces
from unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::uuid[], $5::bytea[], $6::uuid[])
    as asked (flow_id, key, request, run_id, response, replaces)
order by asked.flow_id, asked.key
on conflict (flow_id, key) do update
set request = excluded.request,
    run_id = excluded.run_id,
    state = 'sent',
    response = excluded.response,
    replaces = excluded.replaces,
    claimed_at = excluded.claimed_at
where known.claimed_at < now() - $7::interval or known.run_id = excluded.replaces
returning flow_id, key
