-- The field index: which versions may have changed a field.

-- name: candidates_forward
-- Versions after one ($4), up to and with another ($5), that may have changed a field ($2): those
-- that the index does not know (up to $6), and those with a row at the field, below it or at one of
-- its parents ($3); the first $7, each with its position and the version before it.
-- In byte order, what lies below a path is two stretches: behind its dot and behind its bracket.
-- Each lookup is fenced off by its offset, or the tables would be joined whole.
with asked as (
    select path_no from path where agent_id = $1 and path = $2::text
    union all
    select path_no from path
    where agent_id = $1 and path > $2 || '.' and path < $2 || '/'
    union all
    select path_no from path
    where agent_id = $1 and path > $2 || '[' and path < $2 || '\'
    union all
    select path_no from path where agent_id = $1 and path = any($3::text[])
),
candidate as (
    select bare.version
    from generate_series(
        $4::bigint + 1, least($5::bigint, $6::bigint, $4 + $7::integer)
    ) as bare(version)
    union
    select change.version
    from asked
    cross join lateral (
        select version from field_change
        where agent_id = $1 and path_no = asked.path_no
          and version > greatest($4::bigint, $6::bigint) and version <= $5::bigint
        order by version
        limit $7::integer
    ) as change
    order by version
    limit $7
)
select candidate.version, version.slot, version.size,
       before.event_index as event_index_before, before.slot as slot_before,
       version.event_index, event.id as event_id, version.stream_seq, version.ordinal,
       coalesce(event.occurred_at, event.clock, version.occurred_at, version.clock) as occurred_at,
       coalesce(event.recorded_at, version.recorded_at) as recorded_at,
       coalesce(version.snapshot_id, (
           select snapshot.snapshot_id from state_version as snapshot
           where snapshot.agent_id = $1
             and snapshot.version = version.version - version.since_snapshot
       )) as snapshot_id
from candidate
left join lateral (
    select * from state_version
    where agent_id = $1 and state_version.version = candidate.version offset 0
) as version on true
left join lateral (
    select event_index, slot from state_version
    where agent_id = $1 and state_version.version = candidate.version - 1 offset 0
) as before on true
left join lateral (
    select * from event
    where agent_id = $1 and event.event_index = version.event_index offset 0
) as event on true
order by candidate.version

-- name: candidates_backward
-- The same from the end.
with asked as (
    select path_no from path where agent_id = $1 and path = $2::text
    union all
    select path_no from path
    where agent_id = $1 and path > $2 || '.' and path < $2 || '/'
    union all
    select path_no from path
    where agent_id = $1 and path > $2 || '[' and path < $2 || '\'
    union all
    select path_no from path where agent_id = $1 and path = any($3::text[])
),
candidate as (
    select bare.version
    from generate_series(
        least($5::bigint, $6::bigint), greatest($4::bigint, least($5, $6) - $7::integer) + 1, -1
    ) as bare(version)
    union
    select change.version
    from asked
    cross join lateral (
        select version from field_change
        where agent_id = $1 and path_no = asked.path_no
          and version > greatest($4::bigint, $6::bigint) and version <= $5::bigint
        order by version desc
        limit $7::integer
    ) as change
    order by version desc
    limit $7
)
select candidate.version, version.slot, version.size,
       before.event_index as event_index_before, before.slot as slot_before,
       version.event_index, event.id as event_id, version.stream_seq, version.ordinal,
       coalesce(event.occurred_at, event.clock, version.occurred_at, version.clock) as occurred_at,
       coalesce(event.recorded_at, version.recorded_at) as recorded_at,
       coalesce(version.snapshot_id, (
           select snapshot.snapshot_id from state_version as snapshot
           where snapshot.agent_id = $1
             and snapshot.version = version.version - version.since_snapshot
       )) as snapshot_id
from candidate
left join lateral (
    select * from state_version
    where agent_id = $1 and state_version.version = candidate.version offset 0
) as version on true
left join lateral (
    select event_index, slot from state_version
    where agent_id = $1 and state_version.version = candidate.version - 1 offset 0
) as before on true
left join lateral (
    select * from event
    where agent_id = $1 and event.event_index = version.event_index offset 0
) as event on true
order by candidate.version desc

-- name: versions
-- What stands in some versions, without the blobs.
select version, slot, size
from state_version
where agent_id = $1 and version = any($2::bigint[])
order by version

-- name: blobs
-- In no order: none is asked for.
select version, slot, size, digest, blob
from state_version
where agent_id = $1 and version = any($2::bigint[])

-- name: written
-- Where a version stands: right after it, with the event and the snapshot before it.
select version.event_index, event.id as event_id, version.stream_seq, version.ordinal,
       coalesce(event.occurred_at, event.clock, version.occurred_at, version.clock) as occurred_at,
       coalesce(event.recorded_at, version.recorded_at) as recorded_at,
       coalesce(version.snapshot_id, (
           select snapshot.snapshot_id from state_version as snapshot
           where snapshot.agent_id = $1
             and snapshot.version = version.version - version.since_snapshot
       )) as snapshot_id
from state_version as version
left join event on event.agent_id = $1 and event.event_index = version.event_index
where version.agent_id = $1 and version.version = $2
