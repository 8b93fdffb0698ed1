-- What two projections of one log must agree on, agent by agent.

-- name: unresolved_from
-- Depths are filled in behind the intake: from here on they may be missing.
select coalesce(min(stream_seq), 9223372036854775807)::bigint from event where depth is null

-- name: horizons
-- Where timelines begin that retention has shortened.
select space, name, greatest(first_position, 0)::bigint as first_event, first_shown
from agent
where first_position > 0 or first_shown > 0

-- name: digests
-- Of each agent's records up to the same message of its partition, and from the same horizon on.
-- Left out is what may differ between two that are equal: numbers of agents, types and paths, the
-- grouping and spelling of deltas, and the field index, which a setting turns off. Where the log
-- has lost its beginning ($8 is false), also what counts from there.
with cut as (
         select * from unnest($1::smallint[], $2::bigint[]) as cut(partition, through)
     ),
     horizon as (
         select *
         from unnest($3::text[], $4::text[], $5::bigint[], $6::bigint[])
             as horizon(space, name, first_event, first_version)
     ),
     line as (
         select agent.agent_id, agent.space, agent.name, cut.through,
                greatest(agent.first_position, 0) as begins,
                coalesce(horizon.first_event, 0) as first_event,
                coalesce(horizon.first_version, 0) as first_version
         from agent
         join cut using (partition)
         left join horizon using (space, name)
     ),
     events as (
         select event.agent_id, count(*) as events, max(event.event_index) as last_event,
                bit_xor(hash_record_extended(row(
                    event.event_index, event.stream_seq, event.ordinal, event.clock,
                    event.recorded_at, event.occurred_at, event_type.name, event.id,
                    event.data::text, event.metadata::text, event.causes, event.patch::text,
                    event.traceparent, case when $8 and event.stream_seq < $7 then event.depth end
                ), 0)) as digest
         from event
         join line using (agent_id)
         join event_type using (type_id)
         where event.stream_seq <= line.through and event.event_index >= line.first_event
         group by event.agent_id
     ),
     versions as (
         select version.agent_id, count(*) as versions,
                bit_xor(hash_record_extended(row(
                    version.version, version.event_index, version.stream_seq, version.ordinal,
                    version.clock, version.recorded_at, version.occurred_at, version.memory_usage,
                    case when $8 then version.since_snapshot end, version.snapshot_id, version.size, version.digest,
                    version.metadata::text, version.label, version.traceparent
                ), 0)) as digest
         from state_version as version
         join line using (agent_id)
         where version.stream_seq <= line.through and version.version >= line.first_version
         group by version.agent_id
     ),
     edges as (
         select edge.agent_id, count(*) as edges,
                bit_xor(hash_record_extended(row(edge.cause, edge.event_index), 0)) as digest
         from edge
         join line using (agent_id)
         join events using (agent_id)
         where edge.event_index between line.first_event and events.last_event
         group by edge.agent_id
     ),
     taints as (
         select taint.agent_id, count(*) as taints,
                bit_xor(hash_record_extended(
                    case when taint.gap is null
                        then row(taint.stream_seq, taint.ordinal, taint.event_index)
                        else row(
                            taint.stream_seq, taint.ordinal, taint.event_index, taint.gap::text
                        )
                    end, 0
                )) as digest
         from taint
         join line using (agent_id)
         where taint.stream_seq <= line.through
           and (taint.event_index >= line.first_event or line.first_event = 0)
         group by taint.agent_id
     )
select line.space, line.name, line.begins,
       coalesce(events.events, 0) as events, events.digest as events_digest,
       coalesce(versions.versions, 0) as versions, versions.digest as versions_digest,
       coalesce(edges.edges, 0) as edges, edges.digest as edges_digest,
       coalesce(taints.taints, 0) as taints, taints.digest as taints_digest
from line
left join events using (agent_id)
left join versions using (agent_id)
left join edges using (agent_id)
left join taints using (agent_id)
where coalesce(events.events, versions.versions, taints.taints) is not null
order by line.space collate "C", line.name collate "C"
