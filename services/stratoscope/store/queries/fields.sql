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

-- name: indexed_from
select indexed_from from agent where agent_id = $1

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
