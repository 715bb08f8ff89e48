-- Deletes keys that are older than a day, and passes over those that are being written.
-- $1 int: at most this many
delete from idempotency_keys
where (flow_id, key) in (
    select flow_id, key from idempotency_keys
    where claimed_at < now() - interval '25 hours'
    limit $1
    for update skip locked
)
