-- Erasing an agent.
--
-- One short transaction takes it out of sight, in every projection, and fences whoever has it in
-- memory; then its rows are deleted, a few at a time. A row that is out of sight belongs to no
-- space and no partition, so nobody finds it, retains it or compares it.

-- name: recorded
-- What a projection has of an agent.
select coalesce(sum(next_event - greatest(first_position, 0)), 0)::bigint as events,
       coalesce(sum(next_version - first_version), 0)::bigint as states
from agent
where space = $1 and name = $2

-- name: operated
-- What operators have of an agent.
select (select count(*) from session where space = $1 and agent = $2) as sessions,
       (select count(*) from breakpoint
        where space = $1 and removed_at is null
          and (agent = $2 or session_id in (
              select id from session where session.space = $1 and session.agent = $2
          ))) as breakpoints,
       (select count(*) from hit where space = $1 and agent = $2) as hits,
       (select count(*) from hold where space = $1 and agent = $2) as holds,
       (select count(*) from strato.dead_letter where space = $1 and agent = $2) as dead_letters,
       (select count(*) from base where space = $1 and agent = $2) as bases

-- name: refuse_from_now_on
insert into erased (space, agent, through_seq, log_created_at) values ($1, $2, $3, $4)
on conflict (space, agent) do update
set through_seq = excluded.through_seq, log_created_at = excluded.log_created_at, erased_at = now()

-- name: fence_projector
-- Whoever projects it finds the lease lost, and begins again without anything in memory. A batch
-- that is about to be committed waits here, and is then refused.
update partition
set epoch = epoch + 1, owner = null, owner_pid = null, owner_since = null, lease_until = null
where partition = $1

-- name: fence_watcher
update watch
set epoch = epoch + 1, owner = null, owner_pid = null, owner_since = null, lease_until = null
where partition = $1

-- name: put_out_of_sight
update agent set space = '', name = agent_id::text, partition = -1
where space = $1 and name = $2

-- name: out_of_sight
select agent_id, swept_event, next_event, swept_version, next_version
from agent
where space = ''
order by agent_id

-- name: lock_sessions
select from session where space = $1 and agent = $2 order by id for update

-- name: remove_breakpoints
-- Kept empty for a while, as all that are removed, so that who watches hears of it.
with gone as (
    update breakpoint
    set revision = $3, is_enabled = false, removed_at = now(), message = null, hit = null,
        metadata = '{}', last_error = null, condition = '{"kind":"at_event_index","index":0}'
    where space = $1
      and (agent = $2 or session_id in (
          select id from session where session.space = $1 and session.agent = $2
      ))
    returning id
)
delete from hit_count where breakpoint_id in (select id from gone)

-- name: forget_counts
-- Of breakpoints on all agents.
delete from hit_count
using breakpoint
where breakpoint.id = hit_count.breakpoint_id and breakpoint.space = $1 and hit_count.agent = $2

-- name: remove_sessions
delete from session where space = $1 and agent = $2

-- name: remove_holds
delete from hold where space = $1 and agent = $2

-- name: remove_gate
delete from gate where space = $1 and agent = $2

-- name: remove_base
delete from base where space = $1 and agent = $2 and stream_seq <= $3

-- name: remove_dead_letters
-- In a projection that is being filled these are its own.
delete from dead_letter where space = $1 and agent = $2 and stream_seq <= $3

-- name: objects
-- Exports that it was imported from, or that others were imported from it.
select distinct object from imported_agent where space = $1 and (agent = $2 or source_agent = $2)

-- name: imports
-- Those that were imported from it, and are agents of their own.
select agent from imported_agent where space = $1 and source_agent = $2 and agent <> $2 order by 1

-- name: remove_import
delete from imported_agent where space = $1 and agent = $2

-- name: remove_hits
delete from hit where space = $1 and agent = $2 and stream_seq <= $3

-- name: remove_rest
-- What goes by the agent alone.
with blocks as (delete from event_block where agent_id = $1),
     changes as (delete from field_change where agent_id = $1),
     paths as (delete from path where agent_id = $1),
     taints as (delete from taint where agent_id = $1)
delete from agent where agent_id = $1

-- name: naming
-- Events of others that name one of its events as a cause.
select count(*)
from agent
join event as cause using (agent_id)
join edge on edge.cause = cause.id and edge.agent_id <> agent.agent_id
where agent.space = $1 and agent.name = $2

-- name: is_any
select exists (select from erased)
