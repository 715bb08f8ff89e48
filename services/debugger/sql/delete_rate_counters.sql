-- Deletes the counts of windows that have ended a minute ago or more, and passes over those that are being written.
-- $1 int: at most this many
delete from rate_counters
where address in (
    select address from rate_counters
    where ends_at < now() - interval '1 minute'
    limit $1
    for update skip locked
)
