-- How many requests each client address has sent in its window, over all gateways.
--
-- Unlogged: a crash of the server forgets the counts, which lets some clients begin anew and costs no log otherwise.
-- `granted`, `ahead` are what the latest statement on the row gave, for the gateway that sent it to read; `ahead_until`
-- is when the last of what was given ahead has been spent or given back. No count is indexed, so that counting stays
-- within the row's page.

create unlogged table rate_counters (
    address     text primary key,
    ends_at     timestamptz not null,
    taken       int not null,
    granted     int not null,
    ahead       int not null,
    ahead_until timestamptz not null
) with (fillfactor = 50);

create index rate_counters_ends_at_idx on rate_counters (ends_at);
