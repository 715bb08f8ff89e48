-- The steps of a run in the order in which they began, with every attempt at each.
-- $1 uuid: run
select path, attempt, ref, type, title, status, started_at, duration_ms, input, output, error
from run_steps
where run_id = $1
order by position, path, attempt;
