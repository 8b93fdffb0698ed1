-- Who projects which partition.

-- name: alive
-- Says that this projector lives and forgets those that do not; gives how many others there are.
-- One whose session has ended is not waited for: else who follows it takes half for a while.
with gone as (
         delete from projector
         where owner <> $1 and (alive_until < now() or is_gone(pid, since))
     ),
     here as (
         insert into projector (owner, pid, since, alive_until)
         select $1, $3::integer,
                (select backend_start from pg_stat_activity as session where session.pid = $3),
                now() + $2::interval
         on conflict (owner) do update set alive_until = excluded.alive_until
     )
select count(*) from projector
where owner <> $1 and alive_until >= now() and not is_gone(pid, since)

-- name: leave
delete from projector where owner = $1

-- name: claim
-- A new epoch fences the holder before.
with free as (
    select holding.partition from partition as holding where is_free(holding)
    order by 1 limit $3 for update skip locked
)
update partition
set epoch = epoch + 1, owner = $1, owner_pid = pg_backend_pid(),
    owner_since = (select backend_start from pg_stat_activity where pid = pg_backend_pid()),
    lease_until = now() + $2::interval
from free
where partition.partition = free.partition
returning partition.partition, epoch, stream_seq, probe_seq, probe_digest

-- name: free
select count(*) from partition as holding where is_free(holding)

-- name: renew
update partition
set lease_until = now() + $3::interval
from unnest($1::smallint[], $2::bigint[]) as held(partition, epoch)
where partition.partition = held.partition and partition.epoch = held.epoch
returning partition.partition

-- name: release
update partition
set owner = null, owner_pid = null, owner_since = null, lease_until = null
from unnest($1::smallint[], $2::bigint[]) as held(partition, epoch)
where partition.partition = held.partition and partition.epoch = held.epoch
