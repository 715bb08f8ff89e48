-- The state of every flow without its document, those that were changed last first.
-- $1 int: at most this many
select id, name, status, current_version, token_generation, previous_generation, previous_until
from flows
where deleted_at is null
order by updated_at desc
limit $1
