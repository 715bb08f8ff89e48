-- Adds to the journals of unfinished runs; a later entry of a path replaces the earlier one.
-- $1 uuid[]: runs    $2 text[]: paths    $3 text[]: entries; no (run, path) twice
insert into run_journals (run_id, path, entry)
select * from unnest($1::uuid[], $2::text[], $3::text[])
on conflict (run_id, path) do update set entry = excluded.entry;
