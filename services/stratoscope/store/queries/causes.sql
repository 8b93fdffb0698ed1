-- Following causes.

-- name: ancestors
-- An event and everything that led to it, late causes too; of several events with one id in the
-- space the lowest place is meant. A set, so a cycle ends the walk; read no further than the limit.
-- `offset 0` has ids looked up first, whatever the planner believes of the space.
with recursive ancestor as (
    (
        select event.id, event.agent_id, event.event_index, event.stream_seq, event.ordinal,
               event.depth, event.causes
        from (select * from event where id = $2 offset 0) as event
        join agent using (agent_id)
        where agent.space = $1
        order by event.stream_seq, event.ordinal
        limit 1
    )
    union
    select cause.*
    from ancestor
    cross join lateral unnest(ancestor.causes) as named(id)
    cross join lateral (
        select event.id, event.agent_id, event.event_index, event.stream_seq, event.ordinal,
               event.depth, event.causes
        from (select * from event where id = named.id offset 0) as event
        join agent using (agent_id)
        where agent.space = $1
        order by event.stream_seq, event.ordinal
        limit 1
    ) as cause
)
select * from ancestor limit $3
