-- Gives back what was given ahead and not spent, each in the window that it was given in.
-- $1 text[]: addresses    $2 int[]: how many    $3 timestamptz[]: the ends of the windows
with back as (
    select counter.address, given.count
    from unnest($1::text[], $2::int[], $3::timestamptz[]) as given (address, count, ends_at)
    join rate_counters as counter on counter.address = given.address and counter.ends_at = given.ends_at
    order by counter.address
    for update of counter
)
update rate_counters as counter
set taken = counter.taken - back.count
from back
where counter.address = back.address
