-- Following causes.

-- name: ancestors
-- An event and everything that led to it, late causes too; of several events with one id in the
-- space the lowest place is meant. A set, so a cycle ends the walk; read no further than the limit.
with recursive ancestor as (
    (
        select event.id, event.agent_id, event.event_index, event.stream_seq, event.ordinal,
               event.depth, event.causes
        from event
        join agent using (agent_id)
        where event.id = $2 and agent.space = $1
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
        from event
        join agent using (agent_id)
        where event.id = named.id and agent.space = $1
        order by event.stream_seq, event.ordinal
        limit 1
    ) as cause
)
select * from ancestor limit $3
