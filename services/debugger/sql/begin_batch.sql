-- Begins a batch: one recorder at a time, or one that lost its lease could write over what its successor has written.
-- Returns the clock that claims, scheduler and sweeper go by, in ms since the epoch.
-- $1 bigint: the recorders' advisory lock, held until the transaction ends
select pg_advisory_xact_lock($1), (extract(epoch from clock_timestamp()) * 1000)::bigint as now_ms;
