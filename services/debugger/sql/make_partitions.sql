-- Makes the missing partitions of runs and run_steps, one a day (UTC), both days included.
-- $1 date: first day    $2 date: last day
select make_run_partitions($1, $2);
