-- Flows with their immutable versions, and the tokens of those who manage them.

create table flows (
    id                  uuid primary key,
    name                text not null,
    status              text not null check (status in ('draft', 'active', 'paused')),
    current_version     int not null check (current_version >= 1),
    token_generation    int not null default 1 check (token_generation >= 1),
    previous_generation int,
    previous_until      timestamptz,
    created_at          timestamptz not null default now(),
    updated_at          timestamptz not null default now(),
    deleted_at          timestamptz,
    constraint flows_overlap_has_an_end check ((previous_generation is null) = (previous_until is null))
);

create index flows_by_age on flows (created_at desc, id desc) where deleted_at is null;

create table flow_versions (
    flow_id    uuid not null references flows (id),
    version    int not null check (version >= 1),
    document   text not null,
    created_at timestamptz not null default now(),
    primary key (flow_id, version)
);

create table personal_access_tokens (
    id         uuid primary key,
    hash       bytea not null unique,
    scopes     text[] not null,
    note       text not null default '' check (length(note) <= 255),
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    last_used  timestamptz
);

-- Gateways keep flows in memory. They hear of a change when it commits, and only then.

create function tell_of_flow() returns trigger language plpgsql as $$
begin
    perform pg_notify('flowhook_flows', coalesce(new.id, old.id)::text);
    return null;
end
$$;

create trigger flows_tell after insert or update or delete on flows
    for each row execute function tell_of_flow();
