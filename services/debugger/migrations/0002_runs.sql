-- The record of runs, and what the recorder needs to decide who may execute one.
--
-- Payloads are json, never jsonb, which refuses \u0000 and rewrites numbers. A run may be known by an event that
-- overtook its request: then what the request says is null, all of it.

create table runs (
    id             uuid primary key,

    -- what the request says
    flow_id        uuid,
    flow_name      text,
    flow_version   int,
    mode           text check (mode in ('sync', 'async')),
    lane           int,
    reply_to       text,
    trigger_kind   text,
    trigger_run_id uuid,
    received_at    timestamptz not null,
    request        json,
    input          json,

    -- what became of it
    status         text not null default 'queued',
    started_at     timestamptz,
    finished_at    timestamptz,
    queued_ms      bigint,
    run_ms         bigint,
    response       json,
    error          json,
    reply_status   int,
    reply_ms       bigint,

    -- who may execute it
    attempt        int not null default 1 check (attempt >= 1),
    holder         text,
    nonce          text,
    nonces         text[] not null default '{}',
    announced      boolean not null default false,
    released       boolean not null default false,
    lost           int not null default 0 check (lost >= 0),
    now_ms         bigint,
    parked_until   timestamptz,
    woken_at       timestamptz,
    swept_at       timestamptz,
    refused_at     timestamptz,
    seen_at        timestamptz,
    steps_seen     int not null default 0,

    constraint runs_status check
        (status in ('queued', 'running', 'waiting', 'retrying', 'success', 'error', 'cancelled')),
    constraint runs_ended_at_an_end check
        ((status in ('success', 'error', 'cancelled')) = (finished_at is not null)),
    constraint runs_running_since check
        (status <> 'running' or started_at is not null),
    constraint runs_waiting_for_a_time check
        (status not in ('waiting', 'retrying') or parked_until is not null),
    constraint runs_parked_by_nobody check
        (parked_until is null or (status in ('queued', 'waiting', 'retrying') and holder is null)),
    constraint runs_request_whole check
        (num_nulls(flow_id, flow_name, flow_version, mode, lane, trigger_kind, input) in (0, 7))
) partition by range (id);

create index runs_by_flow on runs (flow_id, id desc);
create index runs_by_status on runs (status, id desc);
create index runs_due on runs (parked_until) where parked_until is not null and woken_at is null;
create index runs_unfinished on runs (id) where finished_at is null;

create table run_steps (
    run_id      uuid not null,
    path        text not null,
    attempt     int not null check (attempt >= 1),
    position    int not null,
    ref         text not null,
    type        text not null,
    title       text not null,
    status      text not null check (status in ('running', 'waiting', 'retrying', 'success', 'error', 'skipped')),
    started_at  timestamptz not null,
    duration_ms bigint,
    input       json,
    output      json,
    error       json,
    primary key (run_id, path, attempt)
) partition by range (run_id);

-- The exact values of unfinished runs: finished steps by path, and under path '' the request as it came.
-- Outside the partitions, since a run may outlive the day that it began on.

create table run_journals (
    run_id uuid not null,
    path   text not null,
    entry  text not null,
    primary key (run_id, path)
);

create table runs_default partition of runs default;
create table run_steps_default partition of run_steps default;
