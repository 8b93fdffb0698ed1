-- Looking at timelines: heads, seeks, events, states.
--
-- Clocks and places never go back along event_index, nor along version, so a bound on them is found
-- by halving over the primary key: some twenty probes of an index that is there anyway.
-- In halving, what a probe finds is used twice, and without `offset 0` Postgres would put it into
-- both places, and so probe twice.

-- name: timeline
-- An agent without a record is none yet: its name may be known from a dead letter.
select agent_id, name, next_event, next_version, snapshots - dropped_snapshots,
       first_at, clock, first_position, first_version, first_shown, horizon_seq, horizon_clock,
       horizon_recorded_at, indexed_from, duplicates
from agent
where space = $1 and name = $2 and next_event + next_version > 0

-- name: agents
select agent_id, name, next_event, next_version, snapshots - dropped_snapshots,
       first_at, clock, first_position, first_version, first_shown, horizon_seq, horizon_clock,
       horizon_recorded_at, indexed_from, duplicates
from agent
where space = $1
  and next_event + next_version > 0
  and ($2::text is null or starts_with(name, $2))
  and ($3::text is null or name > $3)
  -- An import is there as a whole or not at all.
  and not exists (
      select from imported_agent as import
      where import.space = agent.space and import.agent = agent.name
        and import.completed_at is null
  )
order by name
limit $4

-- name: seek_event
-- The last event within all bounds that are given, -1 where there is none.
with recursive search(low, high) as (
    -- What is at or below low is within the bounds, what is at or above high is not.
    select -1::bigint, $2::bigint
    union all
    select case when probe.within then middle else low end,
           case when probe.within then high else middle end
    from search
    cross join lateral (select (low + high) / 2) as halving(middle)
    cross join lateral (
        -- What is gone was dropped from the front.
        select coalesce((
            select ($3::timestamptz is null or event.clock <= $3)
               and ($4::timestamptz is null or event.recorded_at <= $4)
               and ($5::bigint is null or (event.stream_seq, event.ordinal) <= ($5, $6::integer))
               and ($7::bigint is null or event.event_index <= $7)
            from event
            where event.agent_id = $1 and event.event_index = middle
        ), true)
        offset 0
    ) as probe(within)
    where high - low > 1
)
select low from search where high - low <= 1

-- name: seek_version
-- The last state version within all bounds that are given, -1 where there is none.
with recursive search(low, high) as (
    select -1::bigint, $2::bigint
    union all
    select case when probe.within then middle else low end,
           case when probe.within then high else middle end
    from search
    cross join lateral (select (low + high) / 2) as halving(middle)
    cross join lateral (
        -- What is gone was dropped from the front.
        select coalesce((
            select ($3::timestamptz is null or version.clock <= $3)
               and ($4::timestamptz is null or version.recorded_at <= $4)
               and ($5::bigint is null or (version.stream_seq, version.ordinal) <= ($5, $6::integer))
               and ($7::bigint is null or version.event_index <= $7)
            from state_version as version
            where version.agent_id = $1 and version.version = middle
        ), true)
        offset 0
    ) as probe(within)
    where high - low > 1
)
select low from search where high - low <= 1

-- name: index_of_event
select event_index from event where id = $2 and agent_id = $1

-- name: version_of_snapshot
select version, event_index, stream_seq
from state_version
where uuid_hash(snapshot_id) = uuid_hash($2) and snapshot_id = $2 and agent_id = $1

-- name: standings
-- What stands around: the event passed last, the state version in force, the newest snapshot.
-- Tainted where a refused patch or a gap lies between that snapshot and the next record, or `until`.
select stand.event_index, stand.version,
       event.id as event_id, event.stream_seq as event_seq, event.ordinal as event_ordinal,
       event.clock as event_clock, event.recorded_at as event_recorded_at,
       coalesce(event.occurred_at, event.clock) as event_occurred_at,
       version.event_index as version_event_index, version.stream_seq as version_seq,
       version.ordinal as version_ordinal, version.clock as version_clock,
       version.recorded_at as version_recorded_at,
       coalesce(version.occurred_at, version.clock) as version_occurred_at,
       version.slot, version.size, version.snapshot_id as version_snapshot_id,
       snapshot.snapshot_id,
       exists (
           select from taint
           where taint.agent_id = stand.agent_id
             and (taint.stream_seq, taint.ordinal)
                 > (coalesce(snapshot.stream_seq, 0), coalesce(snapshot.ordinal, 0))
             -- A row of nulls comes last.
             and row(taint.stream_seq, taint.ordinal) < least(
                 row(next_event.stream_seq, next_event.ordinal),
                 row(next_version.stream_seq, next_version.ordinal),
                 row(stand.until + 1, 0)
             )
       ) as tainted
from unnest($1::integer[], $2::bigint[], $3::bigint[], $4::bigint[])
    with ordinality as stand(agent_id, event_index, version, until, line)
left join event
    on event.agent_id = stand.agent_id and event.event_index = stand.event_index
left join state_version as version
    on version.agent_id = stand.agent_id and version.version = stand.version
left join event as next_event
    on next_event.agent_id = stand.agent_id and next_event.event_index = stand.event_index + 1
left join state_version as next_version
    on next_version.agent_id = stand.agent_id and next_version.version = stand.version + 1
left join state_version as snapshot
    on snapshot.agent_id = version.agent_id
    and snapshot.version = version.version - version.since_snapshot
order by stand.line

-- name: chain
-- The blobs that rebuild one state version, keyframe first.
select size, digest, blob
from state_version
where agent_id = $1 and version = any($2::bigint[])
order by version

-- name: events
-- Events by place, in the order in which they are asked for.
select event.event_index, event.stream_seq, event.ordinal, event.clock, event.recorded_at,
       event.occurred_at, event.id, event_type.name as type, agent.name as agent, event.depth,
       event.data, event.metadata, event.causes, event.patch, (
           select taint.gap from taint
           where taint.agent_id = event.agent_id and taint.stream_seq = event.stream_seq
             and taint.ordinal = event.ordinal
       ) as gap
from unnest($1::integer[], $2::bigint[]) with ordinality as asked(agent_id, event_index, line)
join event using (agent_id, event_index)
join agent using (agent_id)
join event_type using (type_id)
order by asked.line

-- name: events_size
-- Of large texts the length is known without reading them.
select coalesce(sum(octet_length(event.data::text) + coalesce(octet_length(event.metadata::text), 0)
           + coalesce(octet_length(event.patch::text), 0)), 0)::bigint
from unnest($1::integer[], $2::bigint[]) as asked(agent_id, event_index)
join event using (agent_id, event_index)

-- name: events_forward
-- With their sizes, so that a page may be cut before it is fetched. Indexes have no gaps, so the
-- limit is a bound.
select event_index, octet_length(data::text) + coalesce(octet_length(metadata::text), 0)
        + coalesce(octet_length(patch::text), 0) as size
from event
where agent_id = $1 and event_index > $2 and event_index <= least($3, $2 + $4::bigint)
order by event_index

-- name: events_backward
select event_index, octet_length(data::text) + coalesce(octet_length(metadata::text), 0)
        + coalesce(octet_length(patch::text), 0) as size
from event
where agent_id = $1 and event_index > greatest($2, $3::bigint - $4::bigint) and event_index <= $3
order by event_index desc

-- name: events_of_types_forward
-- Each type by its own index, as far as a page needs.
select found.event_index, found.size
from event_type
cross join lateral (
    select event_index, octet_length(data::text) + coalesce(octet_length(metadata::text), 0)
        + coalesce(octet_length(patch::text), 0) as size
    from event
    where event.agent_id = $1 and event.type_id = event_type.type_id
      and event_index > $2 and event_index <= $3
    order by event_index
    limit $4
) as found
where event_type.name = any($5::text[])
order by found.event_index
limit $4

-- name: events_of_types_backward
select found.event_index, found.size
from event_type
cross join lateral (
    select event_index, octet_length(data::text) + coalesce(octet_length(metadata::text), 0)
        + coalesce(octet_length(patch::text), 0) as size
    from event
    where event.agent_id = $1 and event.type_id = event_type.type_id
      and event_index > $2 and event_index <= $3
    order by event_index desc
    limit $4
) as found
where event_type.name = any($5::text[])
order by found.event_index desc
limit $4

-- name: place_of_event
-- Of several events with one id in the space the one with the lowest place is meant. `offset 0`
-- has the id looked up first: without statistics each agent of the space would be asked for it.
select event.agent_id, event.event_index
from (select * from event where id = $2 offset 0) as event
join agent using (agent_id)
where agent.space = $1 and ($3::text is null or agent.name = $3)
  and event.event_index >= agent.first_position
order by event.stream_seq, event.ordinal
limit 1

-- name: place_of_snapshot
select version.agent_id, version.version, version.event_index, version.stream_seq,
       agent.name as agent
from (
    select *
    from state_version
    where uuid_hash(snapshot_id) = uuid_hash($2) and snapshot_id = $2 offset 0
) as version
join agent using (agent_id)
where agent.space = $1 and version.version >= agent.first_shown
order by version.stream_seq, version.ordinal
limit 1

-- name: has_dropped
-- Whether retention has dropped anything of a space.
select exists (select from agent where space = $1 and horizon_seq is not null)

-- name: snapshots
-- From snapshot to snapshot: mostly the next version is one, else it is found as next_snapshot
-- finds it, over however many patches lie between.
with recursive hop(version, line) as (
    select $2::bigint, 0::bigint
    union all
    select next.version, hop.line + 1
    from hop
    cross join lateral (
        select coalesce((
            select follower.version
            from state_version as follower
            where follower.agent_id = $1 and follower.version = hop.version + 1
              and follower.snapshot_id is not null
        ), (
            with recursive search(low, high) as (
                select hop.version, $3::bigint + 1
                union all
                select case when probe.before then middle else low end,
                       case when probe.before then high else middle end
                from search
                cross join lateral (select (low + high) / 2) as halving(middle)
                cross join lateral (
                    select coalesce((
                        select coalesce(version.version - version.since_snapshot, -1) <= hop.version
                        from state_version as version
                        where version.agent_id = $1 and version.version = middle
                    ), true)
                    offset 0
                ) as probe(before)
                where high - low > 1
            )
            select high from search where high - low <= 1
        ))
    ) as next(version)
    where hop.line < $4 and next.version <= $3
)
select version.version, version.event_index, version.stream_seq, version.snapshot_id,
       coalesce(version.occurred_at, version.clock) as occurred_at, version.memory_usage,
       version.metadata, version.label
from hop
join state_version as version on version.agent_id = $1 and version.version = hop.version
where hop.line > 0
order by hop.line

-- name: open_depth
-- The first message up to one in which an event's depth is open, of one agent or of the space. Few
-- are, and only for as long as a partition lags: those there are are gone through.
select event.stream_seq
from event
join agent using (agent_id)
where event.depth is null and event.stream_seq <= $3
  and agent.space = $1 and ($2::text is null or agent.name = $2)
order by event.stream_seq
limit 1

-- name: stats
-- What is kept: whatever retention dropped is counted beside what intake counts.
select count(*) as agents,
       coalesce(sum(next_event - greatest(first_position, 0)), 0)::bigint as events,
       coalesce(sum(snapshots - dropped_snapshots), 0)::bigint as snapshots,
       coalesce(sum(next_version - first_version - (keyframes - dropped_keyframes)), 0)::bigint
           as diffs,
       least(
           coalesce(sum(greatest(memory_usage - dropped_memory_usage, 0)), 0), 9223372036854775807
       )::bigint as memory_usage,
       coalesce(sum(stored_bytes - dropped_stored_bytes), 0)::bigint as stored_bytes,
       coalesce(sum(raw_bytes - dropped_raw_bytes), 0)::bigint as raw_bytes
from agent
where space = $1 and next_event + next_version > 0

-- name: dead_letters
select count(*) from dead_letter where space = $1

-- name: watermarks
select partition, stream_seq from partition

-- name: spaces
-- Names of spaces of which something was recorded, at most $1, each by one look into an index.
with recursive named as (
    (select space from agent order by space limit 1)
    union all
    select (select space from agent where space > named.space order by space limit 1)
    from named
    where named.space is not null
)
select space from named where space is not null limit $1
