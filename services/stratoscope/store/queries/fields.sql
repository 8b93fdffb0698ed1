-- The field index: which versions may have changed a field.

-- name: field_paths
-- The numbers of a field ($2), of all below it and of its parents ($3). In byte order, what lies
-- below a path is two stretches: behind its dot and behind its bracket.
select path_no, true as certain from path where agent_id = $1 and path = $2
union all
select path_no, true from path
where agent_id = $1 and path > $2 || '.' and path < $2 || '/'
union all
select path_no, true from path
where agent_id = $1 and path > $2 || '[' and path < $2 || '\'
union all
select path_no, false from path where agent_id = $1 and path = any($3::text[])

-- name: candidates_forward
-- Versions with a row at one of the paths, the first ones of a stretch.
select change.version
from unnest($2::integer[]) as asked(path_no)
cross join lateral (
    select version from field_change
    where agent_id = $1 and path_no = asked.path_no and version > $3 and version <= $4
    order by version
    limit $5
) as change
group by change.version
order by change.version
limit $5

-- name: candidates_backward
select change.version
from unnest($2::integer[]) as asked(path_no)
cross join lateral (
    select version from field_change
    where agent_id = $1 and path_no = asked.path_no and version > $3 and version <= $4
    order by version desc
    limit $5
) as change
group by change.version
order by change.version desc
limit $5

-- name: versions
-- What stands in some versions, without the blobs.
select version, event_index, stream_seq, slot, size
from state_version
where agent_id = $1 and version = any($2::bigint[])
order by version

-- name: blobs
select version, slot, size, digest, blob
from state_version
where agent_id = $1 and version = any($2::bigint[])
order by version

-- name: written
-- Where some versions stand: right after each, with the event and the snapshot before it.
select version.version, version.event_index, event.id as event_id, version.stream_seq,
       version.ordinal, coalesce(event.occurred_at, event.clock, version.occurred_at, version.clock)
           as occurred_at,
       coalesce(event.recorded_at, version.recorded_at) as recorded_at, snapshot.snapshot_id
from state_version as version
left join event
    on event.agent_id = version.agent_id and event.event_index = version.event_index
left join state_version as snapshot
    on snapshot.agent_id = version.agent_id
    and snapshot.version = version.version - version.since_snapshot
where version.agent_id = $1 and version.version = any($2::bigint[])
order by version.version
