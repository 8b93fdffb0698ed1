-- Bases: what a rebuild from a log that has been cut starts an agent from.

-- name: due
-- Agents with records that the log has lost or is about to lose ($2, $3), behind their base.
select agent.space, agent.name
from agent
left join strato.base as base
    on base.space = agent.space and base.agent = agent.name
    and base.log_created_at = (select created_at from log where stream = $4)
where agent.partition = any($1::smallint[])
  and agent.next_event + agent.next_version > 0
  and case when base.space is null
      -- Retention may have dropped what the log has lost.
      then (agent.horizon_seq is not null and ($2::timestamptz is not null or $3::bigint > 1))
           or exists (
               select from event
               where event.agent_id = agent.agent_id
                 and event.event_index = greatest(agent.first_position, 0)
                 and (event.recorded_at <= $2::timestamptz or event.stream_seq < $3::bigint)
           )
           or exists (
               select from state_version as version
               where version.agent_id = agent.agent_id
                 and version.version = agent.first_version
                 and (version.recorded_at <= $2 or version.stream_seq < $3)
           )
      -- One that was made by time may stand ahead of where the log begins.
      else base.recorded_at < agent.recorded_at
           and (base.until < $2 or greatest(base.through_seq, base.stream_seq) < $3 - 1)
      end
order by agent.agent_id

-- name: still
-- Agents that have recorded nothing since their base: it holds further on.
update strato.base as base
set until = greatest(base.until, $3), through_seq = greatest(base.through_seq, $2 - 1)
from agent
where agent.partition = any($1::smallint[]) and base.space = agent.space
  and base.agent = agent.name and base.recorded_at = agent.recorded_at
  and base.log_created_at = (select created_at from log where stream = $5)
  and (base.until < $4::timestamptz or base.through_seq < $2::bigint - 1)

-- name: overtaken
-- Bases that the log's front has passed, before they could be made anew.
select count(*)
from strato.base
where partition = any($1::smallint[]) and first_seq < $2
  and greatest(through_seq, stream_seq) < $2 - 1
  and (until is null or until < $3::timestamptz)
  and log_created_at = (select created_at from log where stream = $4)

-- name: first_message
-- Where an agent's timeline begins; 1, the first of all, where retention has dropped that.
select case when agent.first_position > -1 or agent.first_version > 0 or agent.base_seq is not null
            then 1
            else least(
                (select stream_seq from event where agent_id = $1 and event_index = 0),
                (select stream_seq from state_version where agent_id = $1 and version = 0)
            )
       end
from agent
where agent_id = $1

-- name: keep
-- A base only ever goes on; where the agent began is known from the first.
with last as (
    select event.event_index, event.stream_seq, event.ordinal, event.clock, event.recorded_at,
           row_to_json(event) as record
    from (
        select event.*, event_type.name as type
        from event
        join event_type using (type_id)
        where agent_id = $1 and event_index = $2
    ) as event
),
in_force as (
    select version.*,
           json_build_object(
               'version', version, 'event_index', event_index, 'stream_seq', stream_seq,
               'clock', clock, 'recorded_at', recorded_at, 'occurred_at', occurred_at,
               'memory_usage', memory_usage, 'size', size, 'ordinal', ordinal,
               'since_snapshot', since_snapshot, 'snapshot_id', snapshot_id, 'digest', digest,
               'metadata', metadata, 'label', label, 'traceparent', traceparent
           ) as record
    from state_version as version
    where agent_id = $1 and version = $3
),
doubts as (
    select json_agg(row_to_json(taint)) as records
    from taint
    where agent_id = $1
      and stream_seq <= greatest(
          (select stream_seq from last), (select stream_seq from in_force)
      )
      and ((stream_seq, ordinal) > (
          select coalesce(max(snapshot.stream_seq), 0), coalesce(max(snapshot.ordinal), 0)
          from state_version as snapshot, in_force
          where snapshot.agent_id = $1
            and snapshot.version = in_force.version - in_force.since_snapshot
      ) or gap is not null and event_index = $2)
)
insert into strato.base as base
    (space, agent, partition, first_seq, stream_seq, ordinal, through_seq, event_index, version,
     clock, recorded_at, until, log_created_at, event, state, taints, blob)
select agent.space, agent.name, agent.partition, $4,
       greatest(last.stream_seq, in_force.stream_seq),
       case when in_force.stream_seq > coalesce(last.stream_seq, 0) then in_force.ordinal
            when last.stream_seq > coalesce(in_force.stream_seq, 0) then last.ordinal
            else greatest(last.ordinal, in_force.ordinal)
       end,
       $5, $2, $3, greatest(last.clock, in_force.clock),
       greatest(last.recorded_at, in_force.recorded_at), $6,
       (select created_at from log where stream = $8), last.record, in_force.record,
       doubts.records, $7
from agent
left join last on true
left join in_force on true
left join doubts on true
where agent.agent_id = $1
on conflict (space, agent) do update
set stream_seq = excluded.stream_seq, ordinal = excluded.ordinal,
    through_seq = greatest(base.through_seq, excluded.through_seq),
    event_index = excluded.event_index, version = excluded.version, clock = excluded.clock,
    recorded_at = excluded.recorded_at, until = excluded.until,
    log_created_at = excluded.log_created_at, event = excluded.event, state = excluded.state,
    taints = excluded.taints, blob = excluded.blob,
    first_seq = case when base.log_created_at = excluded.log_created_at then base.first_seq
                     else excluded.first_seq end
where base.stream_seq <= excluded.stream_seq or base.log_created_at <> excluded.log_created_at

-- name: agents
-- Those that can't be told from a log that begins at $2.
select base.partition, base.space, base.agent, base.event->>'type' as type
from strato.base
join log on log.stream = $3 and log.created_at = base.log_created_at
where base.partition = any($1::smallint[]) and base.first_seq < $2

-- name: start_agents
-- Heads as they stood there. Only such as have no record yet.
update agent
set next_event = base.event_index + 1, next_version = coalesce(base.version + 1, 0),
    next_slot = (base.version is not null)::integer,
    snapshots = (base.state->>'snapshot_id' is not null)::integer,
    patches = (base.version is not null and base.state->>'snapshot_id' is null)::integer,
    keyframes = (base.version is not null)::integer,
    memory_usage = coalesce((base.state->>'memory_usage')::bigint, 0),
    raw_bytes = coalesce((base.state->>'size')::bigint, 0),
    stored_bytes = coalesce(octet_length(base.blob), 0),
    last_snapshot = base.version - (base.state->>'since_snapshot')::bigint,
    indexed_from = coalesce(base.version + 1, 0),
    first_position = base.event_index, first_version = coalesce(base.version, 0),
    first_shown = shown.first, swept_event = greatest(base.event_index, 0),
    swept_version = coalesce(base.version, 0), horizon_seq = base.stream_seq,
    dropped_snapshots =
        (base.state->>'snapshot_id' is not null and shown.first > base.version)::integer,
    dropped_memory_usage = case when shown.first > base.version
        then coalesce((base.state->>'memory_usage')::bigint, 0) else 0 end,
    base_seq = base.stream_seq, first_at = base.clock, clock = base.clock,
    recorded_at = base.recorded_at, horizon_clock = base.clock,
    horizon_recorded_at = base.recorded_at
from strato.base as base
cross join lateral (
    -- The state in force belongs to the last event, or was set before it.
    select case when (base.state->>'event_index')::bigint = base.event_index then base.version
                else coalesce(base.version + 1, 0) end
) as shown(first)
where base.partition = any($1::smallint[]) and base.first_seq < $2
  and base.log_created_at = (select created_at from log where stream = $3)
  and agent.space = base.space and agent.name = base.agent
  and agent.next_event + agent.next_version = 0
returning agent_id

-- name: start_events
insert into event
    (event_index, stream_seq, clock, recorded_at, occurred_at, agent_id, type_id, ordinal, depth,
     id, data, metadata, causes, patch, traceparent)
select record.event_index, record.stream_seq, record.clock, record.recorded_at, record.occurred_at,
       agent.agent_id, event_type.type_id, record.ordinal, record.depth, record.id, record.data,
       record.metadata, record.causes, record.patch, record.traceparent
from agent
join strato.base as base on base.space = agent.space and base.agent = agent.name
cross join lateral json_populate_record(null::event, base.event) as record
join event_type on event_type.name = base.event->>'type'
where agent.agent_id = any($1::integer[]) and base.event is not null

-- name: start_edges
-- What came before a base is not known, so its causes are open.
with opened as (
    insert into open_cause (stream_seq, ordinal, agent_id, event_index)
    select stream_seq, ordinal, agent_id, event_index
    from event
    where agent_id = any($1::integer[]) and causes is not null
)
insert into edge (cause, agent_id, event_index)
select distinct cause, agent_id, event_index
from event
cross join lateral unnest(causes) as named(cause)
where agent_id = any($1::integer[])

-- name: start_states
-- Each the first of a group.
insert into state_version
    (version, event_index, stream_seq, clock, recorded_at, occurred_at, memory_usage, agent_id,
     size, ordinal, since_snapshot, slot, snapshot_id, digest, blob, metadata, label, traceparent)
select record.version, record.event_index, record.stream_seq, record.clock, record.recorded_at,
       record.occurred_at, record.memory_usage, agent.agent_id, record.size, record.ordinal,
       record.since_snapshot, 0, record.snapshot_id, record.digest, base.blob, record.metadata,
       record.label, record.traceparent
from agent
join strato.base as base on base.space = agent.space and base.agent = agent.name
cross join lateral json_populate_record(null::state_version, base.state) as record
where agent.agent_id = any($1::integer[]) and base.state is not null

-- name: start_taints
insert into taint (agent_id, stream_seq, ordinal, event_index, gap)
select agent.agent_id, record.stream_seq, record.ordinal, record.event_index, record.gap
from agent
join strato.base as base on base.space = agent.space and base.agent = agent.name
cross join lateral json_populate_recordset(null::taint, base.taints) as record
where agent.agent_id = any($1::integer[])
