-- What was recorded behind one message, up to another: for those who watch, where they were told
-- nothing of it.

-- name: agents
-- Agents of a partition that are watched and whose last record is behind a message. What an import
-- brought (up to import_seq) is no news to breakpoints.
select agent.agent_id, agent.space, agent.name, agent.next_event, agent.next_version,
       case when imported.id is not null then coalesce(imported.last_seq, $6) end as import_seq
from agent
left join imported_agent as imported
    on imported.space = agent.space and imported.agent = agent.name
where agent.partition = $1
  and (agent.space = any($2::text[])
       or (agent.space, agent.name) in (select * from unnest($3::text[], $4::text[])))
  and (exists (select from event
               where event.agent_id = agent.agent_id and event_index = agent.next_event - 1
                 and event.stream_seq > $5)
       or exists (select from state_version as version
                  where version.agent_id = agent.agent_id
                    and version.version = agent.next_version - 1 and version.stream_seq > $5))
order by agent.agent_id

-- name: events
select wanted.agent_id, found.*
from unnest($1::integer[], $2::bigint[], $3::bigint[]) as wanted(agent_id, after, last)
cross join lateral (
    select event_index, stream_seq, clock, recorded_at, occurred_at, type_id, ordinal, depth, id,
           data, metadata, causes, patch
    from event
    where event.agent_id = wanted.agent_id and event_index > after and event_index <= last
    order by event_index
    limit greatest(last - after, 0)
) as found
order by wanted.agent_id, found.event_index

-- name: size
-- The bytes of documents of events.
select coalesce(sum(octet_length(event.data::text) + coalesce(octet_length(event.metadata::text), 0)
                    + coalesce(octet_length(event.patch::text), 0)), 0)::bigint
from unnest($1::integer[], $2::bigint[], $3::bigint[]) as wanted(agent_id, after, last)
cross join lateral (
    select data, metadata, patch
    from event
    where event.agent_id = wanted.agent_id and event_index > after and event_index <= last
    order by event_index
    limit greatest(last - after, 0)
) as event

-- name: versions
select wanted.agent_id, found.*
from unnest($1::integer[], $2::bigint[], $3::bigint[]) as wanted(agent_id, after, last)
cross join lateral (
    select version, event_index, stream_seq, ordinal, clock, recorded_at, occurred_at, snapshot_id,
           slot, size
    from state_version
    where state_version.agent_id = wanted.agent_id and version > after and version <= last
    order by version
    limit greatest(last - after, 0)
) as found
order by wanted.agent_id, found.version

-- name: clocks
-- The clocks of timelines right behind an event and a version; null where there is neither.
select wanted.agent_id, greatest(event.clock, version.clock) as clock
from unnest($1::integer[], $2::bigint[], $3::bigint[]) as wanted(agent_id, event_index, version)
left join event using (agent_id, event_index)
left join state_version as version
    on version.agent_id = wanted.agent_id and version.version = wanted.version

-- name: types
select type_id, name from event_type where type_id = any($1::integer[])

-- name: frames
-- All that rebuilds versions of many agents: the ancestors of a slot clear its bits from below.
-- Row by row: planned while the table was small, a join took its square once it had grown.
select frame.*
from (
    select distinct newest.agent_id,
                    newest.version - newest.slot + (newest.slot >> bit << bit) as version
    from unnest($1::integer[], $2::bigint[]) as wanted(agent_id, version)
    cross join lateral (
        select agent_id, version, slot
        from state_version
        where agent_id = wanted.agent_id and version = wanted.version
        limit 1
    ) as newest
    cross join generate_series(0, 8) as bit
) as ancestor
cross join lateral (
    select agent_id, version, slot, size, digest, blob
    from state_version
    where agent_id = ancestor.agent_id and version = ancestor.version
    limit 1
) as frame

-- name: depths
select agent_id, event_index, depth
from unnest($1::integer[], $2::bigint[]) as wanted(agent_id, event_index)
join event using (agent_id, event_index)

-- name: checkpoints
select partition, stream_seq from partition where partition = any($1::smallint[])
