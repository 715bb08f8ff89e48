-- Sets what a save or a change of status sets; the caller holds the flow's lock.
-- $1 uuid: id    $2 text: name    $3 text: status    $4 int: current version
update flows
set name = $2, status = $3, current_version = $4, updated_at = now()
where id = $1
returning id, name, status, current_version, token_generation, previous_until, created_at, updated_at;
