-- The exact values of runs that are about to go on: finished steps by path, the request under path ''.
-- $1 uuid[]: the runs
select run_id, path, entry
from run_journals
where run_id = any($1::uuid[]);
