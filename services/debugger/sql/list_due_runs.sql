-- Parked runs whose time has come and that were not woken yet, those that are due longest first.
-- $1 int: at most this many
select id, attempt
from runs
where parked_until is not null and woken_at is null and parked_until <= clock_timestamp()
order by parked_until
limit $1;
