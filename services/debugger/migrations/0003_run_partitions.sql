-- One partition a day (UTC) for runs and their steps, by the time that a UUIDv7 begins with.
--
-- What belongs to no day that has been made stands in the default partition, so that nothing is ever refused; it moves
-- when its day is made. A partition is filled first and attached then, which lets readers and writers of the other days go on.

create function first_id_of(day date) returns uuid language sql immutable as $$
    select rpad(lpad(to_hex((extract(epoch from day::timestamp) * 1000)::bigint), 12, '0'), 32, '0')::uuid
$$;

create function make_partition(parent text, key text, day date) returns void language plpgsql as $$
declare
    child text := format('%s_%s', parent, to_char(day, 'YYYYMMDD'));
    low uuid := first_id_of(day);
    high uuid := first_id_of(day + 1);
begin
    if to_regclass(child) is not null then
        return;
    end if;
    execute format('lock table %I in access exclusive mode', parent || '_default');
    execute format('create table %I (like %I including all)', child, parent);
    execute format(
        'with moved as (delete from %I where %I >= %L and %I < %L returning *) insert into %I select * from moved',
        parent || '_default', key, low, key, high, child);
    execute format('alter table %I attach partition %I for values from (%L) to (%L)', parent, child, low, high);
end
$$;

create function make_run_partitions(first_day date, last_day date) returns void language plpgsql as $$
declare
    day date;
begin
    perform pg_advisory_xact_lock(hashtext('flowhook.partitions'));
    for day in select generate_series(first_day, last_day, interval '1 day')::date loop
        perform make_partition('runs', 'id', day);
        perform make_partition('run_steps', 'run_id', day);
    end loop;
end
$$;
