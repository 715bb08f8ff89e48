-- Records steps. One that is finished stays so, and each keeps the place at which it came first.
-- Arrays of equal length, no (run, path, attempt) twice; started_at in ms since the epoch.
-- $1 uuid[]: runs    $2 text[]: paths    $3 int[]: attempts    $4 int[]: positions    $5 text[]: refs    $6 text[]: types
-- $7 text[]: titles    $8 text[]: statuses    $9 bigint[]: started_at    $10 bigint[]: duration_ms
-- $11 json[]: inputs    $12 json[]: outputs    $13 json[]: errors
insert into run_steps (run_id, path, attempt, position, ref, type, title, status, started_at, duration_ms, input, output, error)
select run_id, path, attempt, position, ref, type, title, status, to_timestamp(started_at_ms / 1000.0), duration_ms,
       input, output, error
from unnest(
    $1::uuid[], $2::text[], $3::int[], $4::int[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bigint[],
    $10::bigint[], $11::json[], $12::json[], $13::json[]
) as step (run_id, path, attempt, position, ref, type, title, status, started_at_ms, duration_ms, input, output, error)
on conflict (run_id, path, attempt) do update set
    status = excluded.status,
    started_at = excluded.started_at,
    duration_ms = excluded.duration_ms,
    input = excluded.input,
    output = excluded.output,
    error = excluded.error
where excluded.status in ('success', 'error', 'skipped')
   or run_steps.status not in ('success', 'error', 'skipped');
