-- Makes a flow's webhook tokens of the next generation; those of the last one open it for the overlap only.
-- $1 uuid: id    $2 double precision: overlap in seconds, 0 for none
update flows
set token_generation    = token_generation + 1,
    previous_generation = case when $2::double precision > 0 then token_generation end,
    previous_until      = case when $2 > 0 then now() + make_interval(secs => $2) end,
    updated_at          = now()
where id = $1 and deleted_at is null
returning id, name, status, current_version, token_generation, previous_until, created_at, updated_at;
