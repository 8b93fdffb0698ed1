-- Who watches which partition for breakpoints, and how far.

-- name: alive
-- Says that this watcher lives and forgets those that do not; gives how many others there are.
with gone as (
         delete from watcher
         where owner <> $1 and (alive_until < now() or is_gone(pid, since))
     ),
     here as (
         insert into watcher (owner, pid, since, alive_until)
         select $1, $3::integer,
                (select backend_start from pg_stat_activity as session where session.pid = $3),
                now() + $2::interval
         on conflict (owner) do update set alive_until = excluded.alive_until
     )
select count(*) from watcher
where owner <> $1 and alive_until >= now() and not is_gone(pid, since)

-- name: leave
delete from watcher where owner = $1

-- name: claim
-- A new epoch fences the holder before.
with free as (
    select partition from watch
    where owner is null or lease_until < now() or is_gone(owner_pid, owner_since)
    order by 1 limit $3 for update skip locked
)
update watch
set epoch = epoch + 1, owner = $1, owner_pid = pg_backend_pid(),
    owner_since = (select backend_start from pg_stat_activity where pid = pg_backend_pid()),
    lease_until = now() + $2::interval
from free
where watch.partition = free.partition
returning watch.partition, epoch, stream_seq, revision

-- name: renew
update watch
set lease_until = now() + $3::interval
from unnest($1::smallint[], $2::bigint[]) as held(partition, epoch)
where watch.partition = held.partition and watch.epoch = held.epoch
returning watch.partition

-- name: release
update watch
set owner = null, owner_pid = null, owner_since = null, lease_until = null
from unnest($1::smallint[], $2::bigint[]) as held(partition, epoch)
where watch.partition = held.partition and watch.epoch = held.epoch

-- name: holder
-- Whether somebody watches a partition.
select exists (
    select from watch
    where partition = $1 and owner is not null and lease_until >= now()
      and not is_gone(owner_pid, owner_since)
)

-- name: changed
-- Breakpoints that changed behind a revision, those that are gone among them.
select * from breakpoint where revision > $1 order by revision

-- name: enabled
select * from breakpoint where is_enabled and removed_at is null

-- name: sweep
-- Those who watch have heard of it, or read everything anew. What they counted until they had is of
-- nothing any more.
with gone as (
    delete from breakpoint where removed_at < now() - interval '1 hour' returning id
)
delete from hit_count where breakpoint_id in (select id from gone)

-- name: strike
update breakpoint
set strikes = strikes + 1, last_error = $2
where id = $1 and is_enabled
returning space, strikes
