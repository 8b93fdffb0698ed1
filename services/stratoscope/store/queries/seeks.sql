-- Many bounds at once: each line is a timeline with the bound that it is searched for.
--
-- All lines are halved together, so that a thousand agents take twenty rounds and not a thousand
-- queries. Clocks and places never go back along a timeline.
-- In halving, what a probe finds is used twice, and without `offset 0` Postgres would put it into
-- both places, and so probe twice.

-- name: seek_events
-- The last event within all bounds that are given, -1 where there is none. $2 has the lengths of
-- the timelines, $3 and $4 are clocks for all lines, $5 and $6 a place for each.
with recursive asked as (
    select *
    from unnest($1::integer[], $2::bigint[], $5::bigint[], $6::integer[])
        with ordinality as line(agent_id, length, stream_seq, ordinal, number)
),
search(number, low, high) as (
    -- What is at or below low is within the bounds, what is at or above high is not.
    select number, -1::bigint, length from asked
    union all
    select search.number,
           case when probe.within then middle else low end,
           case when probe.within then high else middle end
    from search
    join asked using (number)
    cross join lateral (select (low + high) / 2) as halving(middle)
    cross join lateral (
        -- What is gone was dropped from the front.
        select coalesce((
            select ($3::timestamptz is null or event.clock <= $3)
               and ($4::timestamptz is null or event.recorded_at <= $4)
               and (asked.stream_seq is null
                    or (event.stream_seq, event.ordinal) <= (asked.stream_seq, asked.ordinal))
            from event
            where event.agent_id = asked.agent_id and event.event_index = middle
        ), true)
        offset 0
    ) as probe(within)
    where high - low > 1
)
select low as last from search where high - low <= 1 order by number

-- name: seek_versions
-- The same along the state versions.
with recursive asked as (
    select *
    from unnest($1::integer[], $2::bigint[], $5::bigint[], $6::integer[])
        with ordinality as line(agent_id, length, stream_seq, ordinal, number)
),
search(number, low, high) as (
    select number, -1::bigint, length from asked
    union all
    select search.number,
           case when probe.within then middle else low end,
           case when probe.within then high else middle end
    from search
    join asked using (number)
    cross join lateral (select (low + high) / 2) as halving(middle)
    cross join lateral (
        select coalesce((
            select ($3::timestamptz is null or version.clock <= $3)
               and ($4::timestamptz is null or version.recorded_at <= $4)
               and (asked.stream_seq is null
                    or (version.stream_seq, version.ordinal) <= (asked.stream_seq, asked.ordinal))
            from state_version as version
            where version.agent_id = asked.agent_id and version.version = middle
        ), true)
        offset 0
    ) as probe(within)
    where high - low > 1
)
select low as last from search where high - low <= 1 order by number

-- name: named_timelines
select agent_id, name, next_event, next_version, snapshots - dropped_snapshots,
       first_at, clock, first_position, first_version, first_shown, horizon_seq, horizon_clock,
       horizon_recorded_at
from agent
where space = $1 and name = any($2::text[]) and next_event + next_version > 0
order by name

-- name: newest_of
-- The highest sequence among these events and state versions.
select greatest(
    (
        select max(event.stream_seq)
        from unnest($1::integer[], $2::bigint[]) as passed(agent_id, event_index)
        join event using (agent_id, event_index)
    ),
    (
        select max(version.stream_seq)
        from unnest($1::integer[], $3::bigint[]) as passed(agent_id, version)
        join state_version as version using (agent_id, version)
    )
)

-- name: horizon
-- All partitions are projected up to here.
select coalesce(min(stream_seq), 0) from partition

-- name: chains
-- The blobs that rebuild a version of each of many agents, keyframe first.
select wanted.line, version.size, version.digest, version.blob
from unnest($1::integer[], $2::integer[], $3::bigint[]) as wanted(line, agent_id, version)
join state_version as version using (agent_id, version)
order by wanted.line, version.version
