-- Following causes back, a block of a timeline at a time: what led to an event mostly stands close
-- before it, in its own agent or in a few others.

-- name: located
-- Where events with these ids stand; of several with one id in the space the one that stands first
-- in the log. `offset 0` has ids looked up first, whatever the planner believes of the space.
select distinct on (event.id) event.id, event.agent_id, event.event_index
from unnest($2::uuid[]) as asked(id)
cross join lateral (select * from event where event.id = asked.id offset 0) as event
join agent using (agent_id)
where agent.space = $1 and event.event_index >= agent.first_position
order by event.id, event.stream_seq, event.ordinal

-- name: blocks
-- Stretches of timelines, each after one index, up to and with another. An event whose id another
-- agent has too is left out, unless it was looked up ($4): it may not be the one that is meant.
select event.agent_id, event.event_index, event.stream_seq, event.ordinal, event.depth, event.id,
       event.causes
from unnest($1::integer[], $2::bigint[], $3::bigint[]) as asked(agent_id, after, upto)
join agent on agent.agent_id = asked.agent_id
cross join lateral (
    -- By itself, so that both ends bound the walk along the key.
    select * from event
    where event.agent_id = asked.agent_id and event_index <= asked.upto
      and event_index > greatest(asked.after, agent.first_position - 1)
    offset 0
) as event
where event.id = any($4::uuid[]) or not exists (select from twin where twin.id = event.id)

-- name: whole_blocks
-- The same with all that an event says; of a large one without it, and `data` is null then. Of
-- large texts the length is known without reading them.
select event.agent_id, event.event_index, event.stream_seq, event.ordinal, event.clock,
       event.recorded_at, event.occurred_at, event.id, event_type.name as type,
       agent.name as agent, event.depth, small.data, small.metadata, event.causes, small.patch,
       (
           select taint.gap from taint
           where taint.agent_id = event.agent_id and taint.stream_seq = event.stream_seq
             and taint.ordinal = event.ordinal
       ) as gap
from unnest($1::integer[], $2::bigint[], $3::bigint[]) as asked(agent_id, after, upto)
join agent on agent.agent_id = asked.agent_id
cross join lateral (
    -- By itself, so that both ends bound the walk along the key.
    select * from event
    where event.agent_id = asked.agent_id and event_index <= asked.upto
      and event_index > greatest(asked.after, agent.first_position - 1)
    offset 0
) as event
join event_type using (type_id)
left join lateral (
    select event.data, event.metadata, event.patch
    where octet_length(event.data::text) + coalesce(octet_length(event.metadata::text), 0)
        + coalesce(octet_length(event.patch::text), 0) <= 4096
) as small on true
where event.id = any($4::uuid[]) or not exists (select from twin where twin.id = event.id)
