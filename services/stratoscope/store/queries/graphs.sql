-- Following causes the other way round, and one step at a time.

-- name: placed
-- Where an event stands; of several with one id in the space the one that stands first in the log.
select event.agent_id, event.event_index, event.stream_seq, event.ordinal
from (select * from event where id = $2 offset 0) as event
join agent using (agent_id)
where agent.space = $1 and event.event_index >= agent.first_position
order by event.stream_seq, event.ordinal
limit 1

-- name: effects_within
-- An event and all that it led to, level by level, so that the first rows are the nearest. A set,
-- so a cycle ends the walk; read no further than the limit.
with recursive effect as (
    (
        select event.agent_id, event.event_index, event.stream_seq, event.ordinal, event.depth,
               event.id, event.causes
        from (select * from event where id = $2 offset 0) as event
        join agent using (agent_id)
        where agent.space = $1 and event.event_index >= agent.first_position
        order by event.stream_seq, event.ordinal
        limit 1
    )
    union
    select event.agent_id, event.event_index, event.stream_seq, event.ordinal, event.depth,
           event.id, event.causes
    from effect
    join edge on edge.cause = effect.id
    join event on event.agent_id = edge.agent_id and event.event_index = edge.event_index
    join agent on agent.agent_id = event.agent_id
    where agent.space = $1 and event.event_index >= agent.first_position
)
select * from effect limit $3

-- name: effects_page
-- The events that name a cause, behind a place, in the order of the log.
select event.agent_id, event.event_index, event.stream_seq, event.ordinal
from edge
join event using (agent_id, event_index)
join agent using (agent_id)
where edge.cause = $2 and agent.space = $1 and event.event_index >= agent.first_position
  and (event.stream_seq, event.ordinal) > ($3, $4)
order by event.stream_seq, event.ordinal
limit $5

-- name: recorded
-- Which of some ids are events of the space.
select asked.id
from unnest($2::uuid[]) as asked(id)
where exists (
    select from (select * from event where event.id = asked.id offset 0) as event
    join agent using (agent_id)
    where agent.space = $1 and event.event_index >= agent.first_position
)

-- name: stretch_start
-- Where the newest events of a stretch begin, with the place of the first of them.
select agent_id, event_index, stream_seq, ordinal
from event
where agent_id = $1 and event_index > greatest($2, $3::bigint - $4::bigint) and event_index <= $3
order by event_index
limit 1

-- name: oldest_led_back
-- The first place in the log behind which a cause may stand that leads back to it. Only causes that
-- were open when their effect came are looked at, the first ones of the space; whatever stands
-- behind the last of those may be one.
with open as materialized (
    select open_cause.*
    from open_cause
    join agent using (agent_id)
    where agent.space = $1
    order by open_cause.stream_seq, open_cause.ordinal
    limit $2
), led_back as (
    select open.stream_seq, open.ordinal
    from open
    join event using (agent_id, event_index)
    where exists (
        select
        from unnest(event.causes) as named(id)
        join event as cause on cause.id = named.id
        join agent as owner on owner.agent_id = cause.agent_id and owner.space = $1
        where (cause.stream_seq, cause.ordinal) >= (open.stream_seq, open.ordinal)
    )
    union all
    select max(stream_seq), 0 from open having count(*) = $2
)
select stream_seq, ordinal from led_back order by stream_seq, ordinal limit 1

-- name: foreign_causes
-- The causes of a stretch of events in other agents, from a place on: of each agent the last.
select cause.agent_id, max(cause.event_index) as event_index
from event
cross join lateral unnest(event.causes) as named(id)
cross join lateral (
    select cause.agent_id, cause.event_index, cause.stream_seq, cause.ordinal
    from (select * from event where id = named.id offset 0) as cause
    join agent using (agent_id)
    where agent.space = $1
    order by cause.stream_seq, cause.ordinal
    limit 1
) as cause
where event.agent_id = $2 and event.event_index > $3 and event.event_index <= $4
  and event.causes is not null and cause.agent_id <> event.agent_id
  and (cause.stream_seq, cause.ordinal) >= ($5, $6)
group by cause.agent_id
