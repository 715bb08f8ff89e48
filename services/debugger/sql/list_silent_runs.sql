-- Runs that are silent and may have lost their message, oldest first, with the facts that the sweeper judges by.
-- All times are ms since the epoch. Listed is what is not asleep and
-- * has been quiet since before $1, or
-- * was never seen nor swept, and is passed by a sighting of its lane: it was recorded before the sighting and accepted
--   before the sighting's bound ($2 text[]: modes, $3 int[]: lanes, $4 bigint[]: sighted at, $5 bigint[]: bounds); where
--   its lane is not known, it was recorded before $6, when every lane had been seen empty.
-- $7 uuid[]: only these, null for all    $8 bigint: only those quiet since before    $9 int: at most this many
select id, attempt, holder, known, seen_at_ms, refused, quiet_since_ms, passed_ms
from (
    select id, attempt, holder, flow_id is not null as known, refused_at is not null as refused,
           (extract(epoch from seen_at) * 1000)::bigint as seen_at_ms,
           (extract(epoch from greatest(received_at, seen_at, woken_at, swept_at)) * 1000)::bigint as quiet_since_ms,
           case
               when seen_at is not null or swept_at is not null then null
               when mode is null and recorded_at < to_timestamp($6::bigint / 1000.0) then $6::bigint
               else (
                   select max(sighting.at_ms)
                   from unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[]) as sighting (mode, lane, at_ms, bound_ms)
                   where sighting.mode = runs.mode and sighting.lane = runs.lane
                     and recorded_at < to_timestamp(sighting.at_ms / 1000.0)
                     and received_at < to_timestamp(sighting.bound_ms / 1000.0)
               )
           end as passed_ms
    from runs
    where finished_at is null
      and (parked_until is null or woken_at is not null)
      and ($7::uuid[] is null or id = any($7::uuid[]))
) as run
where (quiet_since_ms < $1::bigint or passed_ms is not null)
  and quiet_since_ms < $8::bigint
order by id
limit $9;
