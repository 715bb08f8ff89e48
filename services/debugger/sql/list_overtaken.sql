-- For each lane with a run that was never seen nor swept: until when runs of this lane were accepted that have begun
-- without a claim, in ms since the epoch. Lanes without such runs are left out.
-- $1 bigint: ms, only runs accepted before this one are suspected
with unseen as (
    select distinct on (mode, lane) mode, lane, id
    from runs
    where finished_at is null and seen_at is null and swept_at is null and mode is not null
      and received_at < to_timestamp($1::bigint / 1000.0)
    order by mode, lane, id
)
select unseen.mode, unseen.lane, (extract(epoch from newest.received_at) * 1000)::bigint as accepted_at_ms
from unseen
cross join lateral (
    select received_at
    from runs
    where runs.mode = unseen.mode and runs.lane = unseen.lane and runs.id > unseen.id
      and started_at is not null and attempt = 1
    order by runs.id desc
    limit 1
) as newest;
