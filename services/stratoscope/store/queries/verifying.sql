-- What a projection says about itself, to be held against its rows.

-- name: lines
-- The heads of timelines: of one space ($1) or agent ($2), or of all.
select agent_id, space, name, next_event, next_version, next_slot, snapshots, patches, keyframes,
       memory_usage, raw_bytes, stored_bytes, first_version,
       greatest(first_position, 0)::bigint as first_event, clock, recorded_at, first_at
from agent
where ($1::text is null or space = $1) and ($2::text is null or name = $2)
order by agent_id

-- name: versions
-- Every version of these timelines, from where each can be read.
select version.agent_id, version.version, version.slot, version.size, version.digest, version.blob,
       version.event_index, version.stream_seq, version.ordinal,
       version.snapshot_id is not null as is_snapshot,
       coalesce(version.memory_usage, 0) as memory_usage, version.metadata, version.clock,
       version.recorded_at, version.occurred_at
from state_version as version
join unnest($1::integer[], $2::bigint[]) as line(agent_id, first_version) using (agent_id)
where version.version >= line.first_version
order by version.agent_id, version.version

-- name: events
-- Of the events of a timeline: how many there are and where they end, how many of them stand
-- before their predecessor, and how many causes they name.
select count(*) as events, min(event_index) as first, max(event_index) as last,
       count(*) filter (where (stream_seq, ordinal) <= (seq_before, ordinal_before)) as disordered,
       coalesce(sum(
           (select count(distinct cause) from unnest(causes) as cause)
       ), 0)::bigint as causes
from (
    select event_index, stream_seq, ordinal, causes,
           lag(stream_seq) over place as seq_before, lag(ordinal) over place as ordinal_before
    from event
    where agent_id = $1 and event_index >= $2
    window place as (order by event_index)
) as line

-- name: first_gap
-- The first event that is missing between two that are there.
select event_index + 1
from (
    select event_index, lead(event_index) over (order by event_index) as following
    from event
    where agent_id = $1 and event_index >= $2
) as line
where following > event_index + 1
order by event_index
limit 1

-- name: edges
select count(*) from edge where agent_id = $1 and event_index >= $2

-- name: contents
-- What the events of a timeline hold, to be read as a reply would be.
select event_index, clock, recorded_at, occurred_at, data, metadata, patch
from event
where agent_id = $1 and event_index >= $2
order by event_index
