-- Timelines on their way out, and imports on their way in.

-- name: events
-- A page of events behind one, cut where its rows grow too large; the next one is always in it.
select page.event_index, page.stream_seq, page.ordinal, page.recorded_at,
       coalesce(page.occurred_at, page.clock) as occurred_at, page.id, event_type.name as type,
       page.data, page.metadata, page.causes, page.patch, page.traceparent,
       (
           select taint.gap from taint
           where taint.agent_id = page.agent_id and taint.stream_seq = page.stream_seq
             and taint.ordinal = page.ordinal
       ) as gap
from (
    select *, sum(octet_length(data::text) + coalesce(octet_length(patch::text), 0))
                  over (order by event_index) as bytes
    from event
    where agent_id = $1 and event_index > $2 and event_index <= $2 + $3::bigint
) as page
join event_type using (type_id)
where page.bytes <= $4::bigint or page.event_index = $2 + 1
order by page.event_index

-- name: snapshots
-- A page of snapshots behind a version, without their states.
select version, event_index, stream_seq, ordinal, recorded_at,
       coalesce(occurred_at, clock) as occurred_at, slot, size, snapshot_id as id, memory_usage,
       metadata, label, traceparent
from state_version
where agent_id = $1 and version > $2 and version < $3 and snapshot_id is not null
order by version
limit $4

-- name: version
select version, event_index, stream_seq, ordinal, recorded_at,
       coalesce(occurred_at, clock) as occurred_at, slot, size, snapshot_id as id, memory_usage,
       metadata, label, traceparent
from state_version
where agent_id = $1 and version = $2

-- name: place_of_event
select stream_seq, ordinal from event where agent_id = $1 and event_index = $2

-- name: frames
select version, slot, size, digest, blob
from state_version
where agent_id = $1 and version = any($2::integer[])

-- name: breakpoints
-- Those of a session, and those of its agent that belong to none; not those that sessions set by
-- themselves.
select number, id, revision, armed_seq, created_at, ends_at, session_id, is_enabled, is_auto,
       strikes, space, agent, trigger, action, condition, hit, message, metadata, last_error,
       disabled_reason, hit_count
from kept_breakpoint
where space = $1 and not is_auto
  and (session_id = $3 or (session_id is null and agent = $2))
order by number

-- name: is_taken
-- Whether a name has a timeline, a dead letter or an import already.
select exists (select from agent where space = $1 and name = $2)
    or exists (select from dead_letter where space = $1 and agent = $2)
    or exists (select from imported_agent where space = $1 and agent = $2)

-- name: count
select count(*) from imported_agent where space = $1 and source_agent = $2

-- name: begin
insert into imported_agent (id, space, agent, source_agent, object, digest, started_at)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (space, agent) do nothing
returning id

-- name: complete
update imported_agent set last_seq = $2, completed_at = $3 where id = $1

-- name: is_refused
select exists (select from dead_letter where space = $1 and agent = $2)
