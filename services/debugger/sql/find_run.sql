-- One run, without its steps.
-- $1 uuid: id
select id, flow_id, flow_name, flow_version, status, mode, trigger_kind, trigger_run_id,
       received_at, started_at, finished_at, queued_ms, run_ms, reply_ms, error, redelivered,
       request, input, response
from runs
where id = $1;
