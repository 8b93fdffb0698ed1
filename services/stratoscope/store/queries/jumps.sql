-- Jumping through a timeline: which records a condition could be hit at, and what they were.
--
-- In halving, what a probe finds is used twice, and without `offset 0` Postgres would put it into
-- both places, and so probe twice.

-- name: of_types_forward
-- Events of some types ($2) from one index up to and with another, the first ones: each type by its
-- own index.
select found.event_index
from event_type
cross join lateral (
    select event_index
    from event
    where event.agent_id = $1 and event.type_id = event_type.type_id
      and event_index >= $3 and event_index <= $4
    order by event_index
    limit $5
) as found
where event_type.name = any($2::text[])
order by found.event_index
limit $5

-- name: of_types_backward
select found.event_index
from event_type
cross join lateral (
    select event_index
    from event
    where event.agent_id = $1 and event.type_id = event_type.type_id
      and event_index >= $3 and event_index <= $4
    order by event_index desc
    limit $5
) as found
where event_type.name = any($2::text[])
order by found.event_index desc
limit $5

-- name: of_depth
-- Events of a depth in some blocks ($2), from one index up to and with another.
select found.event_index
from unnest($2::bigint[]) as block
cross join lateral (
    select event_index
    from event
    where event.agent_id = $1 and event.depth = $5
      and event_index >= greatest($3, block * 1024)
      and event_index <= least($4, block * 1024 + 1023)
    offset 0
) as found
order by found.event_index

-- name: path_numbers
-- The numbers of some paths ($2) in an agent's field index, of all that lies below them, and of
-- their parents ($3). In byte order, what lies below a path is two stretches: behind its dot and
-- behind its bracket.
select found.path_no
from unnest($2::text[]) as asked(path)
cross join lateral (
    select path_no from path where agent_id = $1 and path = asked.path
    union all
    select path_no from path
    where agent_id = $1 and path > asked.path || '.' and path < asked.path || '/'
    union all
    select path_no from path
    where agent_id = $1 and path > asked.path || '[' and path < asked.path || '\'
) as found
union
select path_no from path where agent_id = $1 and path = any($3::text[])

-- name: touching_forward
-- Versions after one ($3), up to and with another ($4), with a row at one of the paths.
select candidate.version, version.event_index, version.is_snapshot
from (
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
) as candidate
cross join lateral (
    select event_index, snapshot_id is not null as is_snapshot
    from state_version
    where agent_id = $1 and state_version.version = candidate.version
    offset 0
) as version
order by candidate.version

-- name: touching_backward
select candidate.version, version.event_index, version.is_snapshot
from (
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
) as candidate
cross join lateral (
    select event_index, snapshot_id is not null as is_snapshot
    from state_version
    where agent_id = $1 and state_version.version = candidate.version
    offset 0
) as version
order by candidate.version desc

-- name: touched
-- Only the numbers of the versions after one, up to and with another, that touch some paths.
select version
from field_change
where agent_id = $1 and path_no = any($2::integer[]) and version > $3 and version <= $4

-- name: versions_forward
-- All versions after one, up to and with another.
select version, event_index, snapshot_id is not null as is_snapshot
from state_version
where agent_id = $1 and version > $2 and version <= $3
order by version
limit $4

-- name: versions_backward
select version, event_index, snapshot_id is not null as is_snapshot
from state_version
where agent_id = $1 and version > $2 and version <= $3
order by version desc
limit $4

-- name: last_versions
-- The last version at or before each of some events ($2), -1 where there is none; $3 is how many
-- versions there are. All are halved together.
with recursive search(number, event_index, low, high) as (
    select number, event_index, -1::bigint, $3::bigint
    from unnest($2::bigint[]) with ordinality as asked(event_index, number)
    union all
    select number, search.event_index,
           case when probe.within then middle else low end,
           case when probe.within then high else middle end
    from search
    cross join lateral (select (low + high) / 2) as halving(middle)
    cross join lateral (
        -- What is gone was dropped from the front.
        select coalesce((
            select version.event_index <= search.event_index
            from state_version as version
            where version.agent_id = $1 and version.version = middle
        ), true)
        offset 0
    ) as probe(within)
    where high - low > 1
)
select low as last from search where high - low <= 1 order by number

-- name: version_stretch
-- What stands in versions from one up to and with another, without their blobs.
select version, event_index, slot, size, snapshot_id is not null as is_snapshot, clock
from state_version
where agent_id = $1 and version >= $2 and version <= $3
order by version

-- name: version_list
select version, event_index, slot, size, snapshot_id is not null as is_snapshot, clock
from state_version
where agent_id = $1 and version = any($2::bigint[])
order by version

-- name: event_stretch
-- What a condition may look at of the events from one index up to and with another, in a direction
-- ($4: 1 or -1); $5 and $6 say whether their data and metadata are wanted. So many of them as have
-- not more than $7 bytes, as they are stored, before the last.
select event_index, type, depth, clock, data, metadata
from (
    select event_index, event_type.name as type, depth, clock,
           case when $5 then data end as data, case when $6 then metadata end as metadata,
           sum(case when $5 then pg_column_size(data) else 0 end
               + case when $6 then coalesce(pg_column_size(metadata), 0) else 0 end)
               over (
                   order by event_index * $4::bigint
                   rows between unbounded preceding and 1 preceding
               ) as bytes
    from event
    join event_type using (type_id)
    where agent_id = $1 and event_index >= $2 and event_index <= $3
) as event
where coalesce(bytes, 0) <= $7::bigint
order by event_index * $4

-- name: event_list
-- The same of events with some indexes ($2).
select event_index, type, depth, clock, data, metadata
from (
    select event_index, event_type.name as type, depth, clock,
           case when $4 then data end as data, case when $5 then metadata end as metadata,
           sum(case when $4 then pg_column_size(data) else 0 end
               + case when $5 then coalesce(pg_column_size(metadata), 0) else 0 end)
               over (
                   order by event_index * $3::bigint
                   rows between unbounded preceding and 1 preceding
               ) as bytes
    from event
    join event_type using (type_id)
    where agent_id = $1 and event_index = any($2::bigint[])
) as event
where coalesce(bytes, 0) <= $6::bigint
order by event_index * $3

-- name: event_documents
-- Events ($2) in a direction ($3) as a text of what an expression sees of each, for whoever
-- evaluates: `[{…}, n]`, n counting up at each of some indexes ($4), where the state is another one;
-- null where no state is wanted.
-- $5 to $8 say whether type, depth, data and metadata are wanted, $9 how many bytes, as they are
-- stored, may come before the last.
select string_agg(
           '[{"event_index":' || event_index
           || case when $5 then ',"type":"' || type || '"' else '' end
           || case when $6 then ',"depth":' || coalesce(depth::text, 'null') else '' end
           || case when $7 then ',"data":' || data::text else '' end
           || case when $8 then ',"metadata":' || coalesce(metadata::text, '{}') else '' end
           || '},' || coalesce(width_bucket(event_index, $4::bigint[])::text, 'null') || ']',
           ',' order by event_index * $3::bigint
       ) as documents,
       array_agg(event_index order by event_index * $3::bigint) as indexes
from (
    select event_index, event_type.name as type, depth, data, metadata,
           sum(case when $7 then pg_column_size(data) else 0 end
               + case when $8 then coalesce(pg_column_size(metadata), 0) else 0 end)
               over (
                   order by event_index * $3::bigint
                   rows between unbounded preceding and 1 preceding
               ) as bytes
    from event
    join event_type using (type_id)
    where agent_id = $1 and event_index = any($2::bigint[])
) as event
where coalesce(bytes, 0) <= $9::bigint

-- name: event_documents_between
-- The same of all events from one index ($2) up to and with another ($10).
select string_agg(
           '[{"event_index":' || event_index
           || case when $5 then ',"type":"' || type || '"' else '' end
           || case when $6 then ',"depth":' || coalesce(depth::text, 'null') else '' end
           || case when $7 then ',"data":' || data::text else '' end
           || case when $8 then ',"metadata":' || coalesce(metadata::text, '{}') else '' end
           || '},' || coalesce(width_bucket(event_index, $4::bigint[])::text, 'null') || ']',
           ',' order by event_index * $3::bigint
       ) as documents,
       array_agg(event_index order by event_index * $3::bigint) as indexes
from (
    select event_index, event_type.name as type, depth, data, metadata,
           sum(case when $7 then pg_column_size(data) else 0 end
               + case when $8 then coalesce(pg_column_size(metadata), 0) else 0 end)
               over (
                   order by event_index * $3::bigint
                   rows between unbounded preceding and 1 preceding
               ) as bytes
    from event
    join event_type using (type_id)
    where agent_id = $1 and event_index >= $2::bigint and event_index <= $10::bigint
) as event
where coalesce(bytes, 0) <= $9::bigint

-- name: event_clocks
select event_index, clock from event where agent_id = $1 and event_index = any($2::bigint[])

-- name: place_of_event
select stream_seq, ordinal from event where agent_id = $1 and event_index = $2

-- name: place_of_version
select stream_seq, ordinal from state_version where agent_id = $1 and version = $2
