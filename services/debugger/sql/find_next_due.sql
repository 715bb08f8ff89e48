-- In how many seconds the next parked run is due; null if none is parked.
select extract(epoch from parked_until - clock_timestamp())::float8
from runs
where parked_until is not null and woken_at is null
order by parked_until
limit 1;
