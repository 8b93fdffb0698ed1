-- Dropping the beginnings of timelines.
--
-- First the horizon is moved, fenced by the epoch and short; then the rows before it are deleted,
-- a few at a time. Nobody looks for them any more and nobody makes them anew, so that part needs
-- neither fence nor lock, and one that was cut short goes on where it was.

-- name: due
-- Agents over a limit, by any of them. The newest event and state always stay.
select space, name
from agent
where partition = any($1::smallint[])
  and (
      next_event - greatest(first_position, 0) > $2::bigint
      or snapshots - dropped_snapshots > $3::bigint
      or (
          $4::timestamptz is not null
          and (
              exists (
                  select from event
                  where event.agent_id = agent.agent_id
                    and event.event_index = greatest(agent.first_position, 0)
                    and event.event_index < agent.next_event - 1
                    and event.recorded_at < $4
              )
              or exists (
                  select from state_version as version
                  where version.agent_id = agent.agent_id
                    and version.version = agent.first_shown
                    and version.version < agent.next_version - 1
                    and version.recorded_at < $4
              )
          )
      )
  )
order by agent_id

-- name: kept
select first_position, first_version, first_shown, next_event, next_version, next_slot,
       snapshots - dropped_snapshots as snapshots
from agent
where agent_id = $1

-- name: snapshot_behind
-- The first snapshot that may stay: so many of those that are shown go before it.
select event_index, version
from state_version
where agent_id = $1 and version >= $2 and snapshot_id is not null
order by version
offset $3
limit 1

-- name: start_of
-- The start of the group that a version belongs to.
select start.version, start.event_index, start.recorded_at
from state_version as version
join state_version as start
    on start.agent_id = version.agent_id and start.version = version.version - version.slot
where version.agent_id = $1 and version.version = $2

-- name: start_behind
-- The first group's start at or after a version: one is never far.
select version, event_index, recorded_at
from state_version
where agent_id = $1 and version >= $2 and slot = 0
order by version
limit 1

-- name: held
-- What open sessions hold: where they stand, and their marks; a lowest event, and a place where it
-- is on a record. One that has outlived its time is over, whether somebody looked at it since or
-- not.
select event_index, stream_seq, ordinal
from session
where space = $1 and agent = $2
  and state in ('created', 'active', 'paused') and ends_at >= $3
union
select mark.event_index, mark.stream_seq, mark.ordinal
from session
join session_mark as mark on mark.session_id = session.id
where session.space = $1 and session.agent = $2
  and session.state in ('created', 'active', 'paused') and session.ends_at >= $3

-- name: fence
-- Shared with nobody who would move the checkpoint or take the lease meanwhile.
select from partition where partition = $1 and epoch = $2 for share

-- name: lock
-- Whoever puts a session into this timeline just now is waited for, and then seen.
select first_position, first_version, first_shown from agent where agent_id = $1 for update

-- name: losses
-- What is counted off: blobs of the groups that go, snapshots of the versions that are not shown
-- any more.
select count(*) filter (where version >= $2 and version < $3 and slot = 0) as keyframes,
       coalesce(sum(size) filter (where version >= $2 and version < $3), 0)::bigint as raw_bytes,
       coalesce(sum(octet_length(blob)) filter (where version >= $2 and version < $3), 0)::bigint
           as stored_bytes,
       count(snapshot_id) filter (where version >= $4 and version < $5) as snapshots,
       coalesce(sum(memory_usage) filter (where version >= $4 and version < $5), 0)::numeric
           as memory_usage
from state_version
where agent_id = $1 and version >= least($2::bigint, $4) and version < greatest($3::bigint, $5)

-- name: move_horizon
-- The horizon is the first record that is kept: the event there, or the state that belongs to it.
with first as (
    select greatest(event.stream_seq, version.stream_seq) as stream_seq,
           greatest(event.clock, version.clock) as clock,
           greatest(event.recorded_at, version.recorded_at) as recorded_at
    from (select) as nothing
    left join event on event.agent_id = $1 and event.event_index = $2
    left join state_version as version
        on version.agent_id = $1 and version.version = $3 and version.event_index = $2
)
update agent
set first_position = $2, first_version = $3, first_shown = $4,
    horizon_seq = first.stream_seq, horizon_clock = first.clock,
    horizon_recorded_at = first.recorded_at, first_at = first.clock,
    dropped_keyframes = dropped_keyframes + $5, dropped_raw_bytes = dropped_raw_bytes + $6,
    dropped_stored_bytes = dropped_stored_bytes + $7, dropped_snapshots = dropped_snapshots + $8,
    dropped_memory_usage = least(dropped_memory_usage + $9::numeric, 9223372036854775807)::bigint
from first
where agent_id = $1

-- name: forget_taints
-- Doubts about states before the newest snapshot at the horizon are nobody's concern any more.
delete from taint
using state_version as in_force
join state_version as snapshot
    on snapshot.agent_id = in_force.agent_id
    and snapshot.version = in_force.version - in_force.since_snapshot
where taint.agent_id = $1 and in_force.agent_id = $1
  and in_force.version = greatest($2::bigint, $3::bigint - 1)
  and taint.stream_seq < snapshot.stream_seq
  -- An event that is kept says what is missing before it.
  and (taint.gap is null or taint.event_index < (
      select first_position from agent where agent_id = $1
  ))

-- name: unswept
-- Timelines with rows before their horizon.
select agent_id, swept_event, greatest(first_position, 0) as first_event,
       swept_version, first_version
from agent
where partition = any($1::smallint[])
  and (swept_event < first_position or swept_version < first_version)
order by agent_id

-- name: sweep_events
with gone as (
    delete from event
    where agent_id = $1 and event_index >= $2 and event_index < $3
    returning event_index, stream_seq, ordinal, causes
), opened as (
    delete from open_cause
    using gone
    where open_cause.agent_id = $1 and open_cause.stream_seq = gone.stream_seq
      and open_cause.ordinal = gone.ordinal
)
delete from edge
using (select event_index, unnest(causes) as cause from gone) as named
where edge.agent_id = $1 and edge.cause = named.cause and edge.event_index = named.event_index

-- name: sweep_blocks
-- The one in which the horizon lies stays: it covers more than there is.
delete from event_block where agent_id = $1 and block < $2::bigint / 1024

-- name: sweep_versions
delete from state_version where agent_id = $1 and version >= $2 and version < $3

-- name: sweep_changes
-- By path, since that is how the index stands.
delete from field_change
using path
where path.agent_id = $1 and field_change.agent_id = $1
  and field_change.path_no = path.path_no
  and field_change.version >= $2 and field_change.version < $3

-- name: swept
update agent set swept_event = $2, swept_version = $3 where agent_id = $1
