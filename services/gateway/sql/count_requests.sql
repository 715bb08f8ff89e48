-- Counts requests of many addresses, each of which occurs once, and returns what each one gets.
-- $1 text[]: addresses
-- $2 int[]: requests that wait for a word, at most the limit each
-- $3 int[]: requests that the gateway would like to admit later without asking
-- $4 int[]: requests that it has admitted without asking while it could not ask; they are counted in any case
-- $5 bigint[]: milliseconds until the address's window ends, as far as this gateway knows; the whole window if it does not
-- $6 int: limit
--
-- Of what is left of the limit those who wait get theirs first, then at most an eighth of the rest is given ahead, for a
-- quarter of a second. Rows are locked in the order of the addresses, so two gateways never wait for each other.
insert into rate_counters as counter (address, ends_at, taken, granted, ahead, ahead_until)
select
    asked.address,
    now() + asked.left_ms * interval '1 millisecond',
    asked.owed + got.granted + given.ahead,
    got.granted,
    given.ahead,
    case when given.ahead > 0 then now() + interval '250 milliseconds' else now() end
from unnest($1::text[], $2::int[], $3::int[], $4::int[], $5::bigint[]) as asked (address, wanted, ahead, owed, left_ms)
cross join lateral (select greatest(0, least(asked.wanted, $6::int - asked.owed)) as granted) as got
cross join lateral (select greatest(0, least(asked.ahead, ($6 - asked.owed - got.granted) / 8)) as ahead) as given
order by asked.address
-- In a window that runs there is less left than in a fresh one, so what a fresh one would give is what can be asked for.
on conflict (address) do update
set (ends_at, taken, granted, ahead, ahead_until) = (
    select
        case
            when not runs.yes then excluded.ends_at
            -- Whoever was told to come back was told by a gateway's own count: its word holds.
            when owed.count > 0 then least(counter.ends_at, excluded.ends_at)
            -- The clock was set back, or the window made shorter.
            when counter.ends_at > excluded.ends_at + interval '5 seconds' then excluded.ends_at
            else counter.ends_at
        end,
        base.taken + got.granted + given.ahead,
        got.granted,
        given.ahead,
        case
            when given.ahead > 0 then now() + interval '250 milliseconds'
            when runs.yes then counter.ahead_until
            else now()
        end
    from (select counter.ends_at > now() as yes) as runs
    cross join lateral (select excluded.taken - excluded.granted - excluded.ahead as count) as owed
    cross join lateral (select case when runs.yes then counter.taken else 0 end + owed.count as taken) as base
    cross join lateral (select greatest(0, least(excluded.granted, $6 - base.taken)) as granted) as got
    cross join lateral (select greatest(0, least(excluded.ahead, ($6 - base.taken - got.granted) / 8)) as ahead) as given
)
returning
    address,
    granted,
    ahead,
    taken,
    ends_at,
    ceil(extract(epoch from ends_at - now()) * 1000)::bigint as left_ms,
    greatest(0, ceil(extract(epoch from ahead_until - now()) * 1000))::int as ahead_ms
