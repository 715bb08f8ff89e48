-- Runs that ought to have shown a sign of life, oldest first. Since when each is silent: since it was accepted, seen,
-- woken or swept, whichever came last. All times are ms since the epoch. A run is listed
-- * in any case, if it is silent since before $1;
-- * if it was never seen, woken or swept and is silent since before its lane's proof, when the lane's queue was seen to
--   be empty or runs accepted later had started ($2 text[]: modes, $3 int[]: lanes, $4 bigint[]: proofs), or before $5
--   (all lanes' proof) where its lane is not known;
-- * if it was woken or swept, and is silent since before $6, the proof of the queues of woken runs;
-- * if it was handed back, and is silent since before both proofs.
-- $7 uuid[]: only these, null for all    $8 uuid: only those behind this one, null for all
-- $9 int: at most this many
select run.id, run.attempt, run.holder, run.known, run.refused, run.seen_at_ms
from (
    select runs.id, attempt, holder, flow_id is not null as known, refused_at is not null as refused,
           swept_at is not null or woken_at is not null as again, seen_at is null as unseen,
           released and parked_until is null and holder is null as handed_back,
           (extract(epoch from seen_at) * 1000)::bigint as seen_at_ms,
           (extract(epoch from greatest(received_at, seen_at, woken_at, swept_at)) * 1000)::bigint as silent_since,
           case when runs.mode is null then $5::bigint else proof.before end as lane_before
    from runs
    left join unnest($2::text[], $3::int[], $4::bigint[]) as proof (mode, lane, before)
        on proof.mode = runs.mode and proof.lane = runs.lane
    where finished_at is null
      and (parked_until is null or woken_at is not null)
      and ($7::uuid[] is null or runs.id = any($7::uuid[]))
      and ($8::uuid is null or runs.id > $8)
) as run
where silent_since < $1::bigint
   or (unseen and not again and silent_since < lane_before)
   or (again and silent_since < $6::bigint)
   or (handed_back and not again and silent_since < lane_before and silent_since < $6::bigint)
order by run.id
limit $9;
