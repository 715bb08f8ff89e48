-- Writes what a batch makes of its runs, whose rows are locked. What a run is told once (its request, its response, its
-- error) stays where nothing new is given.
-- $1 to $36: arrays of equal length, one a column, in this order; times in ms since the epoch, nonces separated by spaces.
insert into runs (
    id, flow_id, flow_name, flow_version, mode, lane, reply_to, trigger_kind, trigger_run_id, request, input,
    received_at, status, started_at, finished_at, queued_ms, run_ms, response, error, reply_status, reply_ms,
    attempt, holder, nonce, nonces, announced, released, lost, redelivered, now_ms, parked_until, woken_at,
    swept_at, refused_at, seen_at, steps_seen
)
select
    id, flow_id, flow_name, flow_version, mode, lane, reply_to, trigger_kind, trigger_run_id, request, input,
    to_timestamp(received_at / 1000.0), status, to_timestamp(started_at / 1000.0),
    to_timestamp(finished_at / 1000.0), queued_ms, run_ms, response, error, reply_status, reply_ms, attempt,
    holder, nonce, string_to_array(nonces, ' '), announced, released, lost, redelivered, now_ms,
    to_timestamp(parked_until / 1000.0), to_timestamp(woken_at / 1000.0), to_timestamp(swept_at / 1000.0),
    to_timestamp(refused_at / 1000.0), to_timestamp(seen_at / 1000.0), steps_seen
from unnest(
    $1::uuid[], $2::uuid[], $3::text[], $4::int[], $5::text[], $6::int[], $7::text[], $8::text[], $9::uuid[],
    $10::json[], $11::json[], $12::bigint[], $13::text[], $14::bigint[], $15::bigint[], $16::bigint[],
    $17::bigint[], $18::json[], $19::json[], $20::int[], $21::bigint[], $22::int[], $23::text[], $24::text[],
    $25::text[], $26::boolean[], $27::boolean[], $28::int[], $29::int[], $30::bigint[], $31::bigint[],
    $32::bigint[], $33::bigint[], $34::bigint[], $35::bigint[], $36::int[]
) as run (
    id, flow_id, flow_name, flow_version, mode, lane, reply_to, trigger_kind, trigger_run_id, request, input,
    received_at, status, started_at, finished_at, queued_ms, run_ms, response, error, reply_status, reply_ms,
    attempt, holder, nonce, nonces, announced, released, lost, redelivered, now_ms, parked_until, woken_at,
    swept_at, refused_at, seen_at, steps_seen
)
on conflict (id) do update set
    flow_id = coalesce(excluded.flow_id, runs.flow_id),
    flow_name = coalesce(excluded.flow_name, runs.flow_name),
    flow_version = coalesce(excluded.flow_version, runs.flow_version),
    mode = coalesce(excluded.mode, runs.mode),
    lane = coalesce(excluded.lane, runs.lane),
    reply_to = coalesce(excluded.reply_to, runs.reply_to),
    trigger_kind = coalesce(excluded.trigger_kind, runs.trigger_kind),
    trigger_run_id = coalesce(excluded.trigger_run_id, runs.trigger_run_id),
    request = coalesce(excluded.request, runs.request),
    input = coalesce(excluded.input, runs.input),
    received_at = excluded.received_at,
    status = excluded.status,
    started_at = excluded.started_at,
    finished_at = excluded.finished_at,
    queued_ms = excluded.queued_ms,
    run_ms = excluded.run_ms,
    response = coalesce(excluded.response, runs.response),
    error = coalesce(excluded.error, runs.error),
    reply_status = excluded.reply_status,
    reply_ms = excluded.reply_ms,
    attempt = excluded.attempt,
    holder = excluded.holder,
    nonce = excluded.nonce,
    nonces = excluded.nonces,
    announced = excluded.announced,
    released = excluded.released,
    lost = excluded.lost,
    redelivered = excluded.redelivered,
    now_ms = excluded.now_ms,
    parked_until = excluded.parked_until,
    woken_at = excluded.woken_at,
    swept_at = excluded.swept_at,
    refused_at = excluded.refused_at,
    seen_at = excluded.seen_at,
    steps_seen = excluded.steps_seen;
