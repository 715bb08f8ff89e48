-- Keeps a version's document, for good.
-- $1 uuid: flow    $2 int: version    $3 text: document, as JSON
insert into flow_versions (flow_id, version, document)
values ($1, $2, $3);
