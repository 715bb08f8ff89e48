-- Closes runs that never showed: their sender was told 503, or nothing but somebody else's event speaks of them. What
-- has shown a sign of life in the meantime is left. Returns the ids of those that it closed.
-- $1 uuid[]: runs    $2 json: the error
with closed as (
    update runs
    set status = 'error', finished_at = clock_timestamp(), error = $2::json, parked_until = null
    where id = any($1::uuid[]) and finished_at is null
      and (flow_id is null or (refused_at is not null and seen_at is null))
    returning id
), forgotten as (
    delete from run_journals where run_id in (select id from closed)
)
select id from closed;
