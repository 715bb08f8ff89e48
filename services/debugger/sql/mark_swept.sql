-- Marks runs as swept, unless they have shown a sign of life in the meantime.
-- $1 uuid[]: runs    $2 int[]: the attempt at which each was found    $3 bigint[]: when each was last seen, ms
update runs
set swept_at = clock_timestamp()
from unnest($1::uuid[], $2::int[], $3::bigint[]) as swept (id, attempt, seen_at_ms)
where runs.id = swept.id
  and runs.attempt = swept.attempt
  and runs.finished_at is null
  and (extract(epoch from runs.seen_at) * 1000)::bigint is not distinct from swept.seen_at_ms;
