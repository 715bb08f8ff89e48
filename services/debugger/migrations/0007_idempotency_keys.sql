-- Which run a request's key belongs to, by flow. Keys and requests stand here as their SHA-256.
--
-- `response` is the exact answer, as JSON: what the record holds is masked, and cut where it is long. `replaces` is the run
-- that had the key before and did not count: it had failed, or was never seen.

create table idempotency_keys (
    flow_id    uuid not null,
    key        bytea not null check (length(key) = 32),
    request    bytea not null check (length(request) = 32),
    run_id     uuid not null,
    state      text not null default 'sent'
        check (state in ('sent', 'accepted', 'refused', 'unknown', 'succeeded', 'failed')),
    response   bytea,
    replaces   uuid,
    claimed_at timestamptz not null default now(),
    primary key (flow_id, key)
) with (fillfactor = 80);

create index idempotency_keys_by_age on idempotency_keys (claimed_at);
