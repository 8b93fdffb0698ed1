-- Two runs beside each other: their events by what they say, their states by hash.

-- name: said
-- Events behind one, up to and with another, so many and so many bytes at most, one at least.
select event_index, type, data
from (
    select event_index, type, data,
           sum(size) over (order by event_index rows between unbounded preceding and current row)
               - size as before
    from (
        select event.event_index, event_type.name as type, event.data::text as data,
               octet_length(event.data::text) as size
        from event
        join event_type using (type_id)
        where event.agent_id = $1 and event.event_index > $2
          and event.event_index <= least($3, $2 + $4::bigint)
        order by event.event_index
    ) as page
) as summed
where before < $5::bigint
order by event_index

-- name: states
select version, event_index, slot, size, digest
from state_version
where agent_id = $1 and version > $2 and version <= least($3, $2 + $4::bigint)
order by version
