-- Forgets the journals of runs that have ended.
-- $1 uuid[]: the runs
delete from run_journals
where run_id = any($1::uuid[]);
