-- Runs without their payloads, newest first: those before an id. The id begins with the time of its run.
-- $1 uuid: flow, null for all    $2 text: status, null for all
-- $3 uuid, $4 uuid: the least id that counts and the first that no longer does, null without such an end
-- $5 int: at most this many
select id, flow_id, flow_name, flow_version, status, mode, trigger_kind, trigger_run_id,
       received_at, started_at, finished_at, queued_ms, run_ms, reply_ms, error, redelivered
from runs
where ($1::uuid is null or flow_id = $1)
  and ($2::text is null or status = $2)
  and ($3::uuid is null or id >= $3)
  and ($4::uuid is null or id < $4)
order by id desc
limit $5;
