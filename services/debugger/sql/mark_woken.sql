-- Marks parked runs as woken, unless they have gone on and parked again in the meantime.
-- $1 uuid[]: runs    $2 int[]: the attempt at which each was found
update runs
set woken_at = clock_timestamp()
from unnest($1::uuid[], $2::int[]) as woken (id, attempt)
where runs.id = woken.id and runs.attempt = woken.attempt and runs.parked_until is not null;
