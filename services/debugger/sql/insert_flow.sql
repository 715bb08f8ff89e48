-- Makes a flow, or brings back a deleted one of this id with its next version and new tokens. No row: one of this id lives.
-- $1 uuid: id    $2 text: name    $3 text: status
insert into flows (id, name, status, current_version)
values ($1, $2, $3, 1)
on conflict (id) do update
set name                = excluded.name,
    status              = excluded.status,
    current_version     = flows.current_version + 1,
    token_generation    = flows.token_generation + 1,
    previous_generation = null,
    previous_until      = null,
    created_at          = now(),
    updated_at          = now(),
    deleted_at          = null
where flows.deleted_at is not null
returning id, name, status, current_version, token_generation, previous_until, created_at, updated_at;
