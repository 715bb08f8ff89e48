-- How often a run was taken up again after its runner was lost or had to stop. Waits do not count.

alter table runs add column redelivered int not null default 0 check (redelivered >= 0);
update runs set redelivered = lost where lost > 0;
