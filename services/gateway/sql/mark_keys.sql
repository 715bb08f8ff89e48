-- Writes down what became of runs that have claimed keys, where the key is still theirs.
-- $1 uuid[]: flows    $2 bytea[]: SHA-256 of the keys    $3 uuid[]: runs    $4 text[]: states
-- $5 bytea[]: answers, null where what is kept stays
with told as (
    select known.flow_id, known.key, told.state, told.response
    from unnest($1::uuid[], $2::bytea[], $3::uuid[], $4::text[], $5::bytea[])
        as told (flow_id, key, run_id, state, response)
    join idempotency_keys as known
        on known.flow_id = told.flow_id and known.key = told.key and known.run_id = told.run_id
    order by known.flow_id, known.key
    for update of known
)
update idempotency_keys as known
set state = told.state, response = coalesce(told.response, known.response)
from told
where known.flow_id = told.flow_id and known.key = told.key
