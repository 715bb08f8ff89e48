-- The clock that claims, scheduler and sweeper go by, in ms since the epoch.
select (extract(epoch from clock_timestamp()) * 1000)::bigint;
