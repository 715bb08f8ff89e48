-- Runs that a process left unfinished, oldest first: all but those that the scheduler will wake.
-- $1 uuid: after this one    $2 int: at most this many
select id, attempt, holder
from runs
where finished_at is null and flow_id is not null and (parked_until is null or woken_at is not null) and id > $1
order by id
limit $2;
