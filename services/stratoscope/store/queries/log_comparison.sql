-- What a fold of the log is compared with: the projection that was made from it.

-- name: log_created_at
select created_at from log where stream = $1

-- name: checkpoints
select partition, epoch, stream_seq, probe_seq, probe_digest from partition order by partition

-- name: lines
-- The timelines of one space ($1) or agent ($2), or all: which of their rows are kept, and up to
-- which message they were not made from the log.
select agent_id, space, name, greatest(first_position, 0)::bigint as first_event, first_version,
       greatest(base_seq, (
           select through_seq
           from strato.erased as gone
           join log on log.created_at = gone.log_created_at
           where gone.space = agent.space and gone.agent = agent.name
       )) as base_seq
from agent
where ($1::text is null or space = $1) and ($2::text is null or name = $2)

-- name: last_event
-- The last event of a timeline ($1) before a message ($2).
select event_index, stream_seq, ordinal, clock, recorded_at
from event
where agent_id = $1 and stream_seq < $2
order by event_index desc
limit 1

-- name: last_version
-- The last state of a timeline ($1) before a message ($2).
select version, slot, since_snapshot, stream_seq, ordinal, clock, recorded_at
from state_version
where agent_id = $1 and stream_seq < $2
order by version desc
limit 1

-- name: slot
select slot from state_version where agent_id = $1 and version = $2

-- name: types
select type_id, name from event_type where name = any($1)

-- name: places
-- Where events of any agent have one of these ids ($1), and where snapshots ($3) of agents ($2) do.
select found.agent_id, (select space from agent where agent.agent_id = found.agent_id) as space,
       asked.id, found.stream_seq, found.ordinal, found.depth
from unnest($1::uuid[]) as asked(id)
cross join lateral (
    select agent_id, stream_seq, ordinal, depth from event where event.id = asked.id offset 0
) as found
union all
select asked.agent_id, null, asked.id, found.stream_seq, found.ordinal, null
from unnest($2::integer[], $3::uuid[]) as asked(agent_id, id)
cross join lateral (
    select agent_id, stream_seq, ordinal
    from state_version
    where uuid_hash(snapshot_id) = uuid_hash(asked.id) and snapshot_id = asked.id offset 0
) as found
where found.agent_id = asked.agent_id

-- name: events
-- The events of timelines ($1) from an index ($2) to another ($3).
select event.agent_id, event_index, stream_seq, ordinal, clock, recorded_at, occurred_at, type_id,
       depth, id, data, metadata, causes, patch, traceparent
from unnest($1::integer[], $2::bigint[], $3::bigint[]) as wanted(agent_id, first, last)
join event on event.agent_id = wanted.agent_id and event_index between wanted.first and wanted.last

-- name: versions
-- The states of timelines ($1) from a version ($2) to another ($3).
select version.agent_id, version, event_index, stream_seq, ordinal, clock, recorded_at, occurred_at,
       memory_usage, size, snapshot_id, digest, metadata, label, traceparent
from unnest($1::integer[], $2::bigint[], $3::bigint[]) as wanted(agent_id, first, last)
join state_version as version
    on version.agent_id = wanted.agent_id and version between wanted.first and wanted.last

-- name: taints
-- Where the states of timelines ($1) are in doubt, from a message ($2) to another ($3).
select taint.agent_id, stream_seq, ordinal, event_index
from taint
where agent_id = any($1) and stream_seq between $2 and $3

-- name: letters
select stream_seq from strato.dead_letter where stream_seq = any($1)

-- name: beyond
-- Of timelines ($1), the rows behind what the log gives: events from an index ($2) on, states from
-- a version ($3) on, of a message ($4) or a later one.
select wanted.agent_id,
       (select count(*) from event
        where event.agent_id = wanted.agent_id and event_index >= wanted.event_index
          and event.stream_seq >= wanted.stream_seq) as events,
       (select min(event_index) from event
        where event.agent_id = wanted.agent_id and event_index >= wanted.event_index
          and event.stream_seq >= wanted.stream_seq) as first_event,
       (select count(*) from state_version as one
        where one.agent_id = wanted.agent_id and one.version >= wanted.version
          and one.stream_seq >= wanted.stream_seq) as versions,
       (select min(version) from state_version as one
        where one.agent_id = wanted.agent_id and one.version >= wanted.version
          and one.stream_seq >= wanted.stream_seq) as first_version
from unnest($1::integer[], $2::bigint[], $3::bigint[], $4::bigint[])
    as wanted(agent_id, event_index, version, stream_seq)

-- name: erased_since
select space, agent from strato.erased where erased_at >= $1
