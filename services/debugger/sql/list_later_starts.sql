-- For each lane with a run that was never seen: until when runs of this lane were accepted that have long started, in ms
-- since the epoch. One that was claimed proves nothing, for it may have been swept itself. Lanes without such runs are
-- left out.
-- $1 bigint: ms, runs accepted before are suspected    $2 bigint: ms, runs started before have long started
with unseen as (
    select distinct on (mode, lane) mode, lane, id
    from runs
    where finished_at is null and seen_at is null and swept_at is null and mode is not null
      and received_at < to_timestamp($1::bigint / 1000.0)
    order by mode, lane, id
)
select unseen.mode, unseen.lane, (extract(epoch from newest.received_at) * 1000)::bigint as before
from unseen
cross join lateral (
    select received_at
    from runs
    where runs.mode = unseen.mode and runs.lane = unseen.lane and runs.id > unseen.id
      and started_at < to_timestamp($2::bigint / 1000.0) and attempt = 1
    order by runs.id desc
    limit 1
) as newest;
