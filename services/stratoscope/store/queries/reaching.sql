-- Reaching a place of one timeline, and what stands around there, in one question.
--
-- In halving, what a probe finds is used twice, and without `offset 0` Postgres would put it into
-- both places, and so probe twice.

-- name: reach
-- Both rows are halved between what is known to be within the bounds ($2, $4) and what is known
-- not to be ($3, $5); where those are neighbours there is nothing to search. What stands around is
-- said as `looking.standings` says it.
with recursive events_within(low, high) as (
    select $2::bigint, $3::bigint
    union all
    select case when probe.within then middle else low end,
           case when probe.within then high else middle end
    from events_within
    cross join lateral (select (low + high) / 2) as halving(middle)
    cross join lateral (
        -- What is gone was dropped from the front.
        select coalesce((
            select ($6::timestamptz is null or event.clock <= $6)
               and ($7::timestamptz is null or event.recorded_at <= $7)
               and ($8::bigint is null or (event.stream_seq, event.ordinal) <= ($8, $9::integer))
            from event
            where event.agent_id = $1 and event.event_index = middle
        ), true)
        offset 0
    ) as probe(within)
    where high - low > 1
),
versions_within(low, high) as (
    select $4::bigint, $5::bigint
    union all
    select case when probe.within then middle else low end,
           case when probe.within then high else middle end
    from versions_within
    cross join lateral (select (low + high) / 2) as halving(middle)
    cross join lateral (
        select coalesce((
            select ($6::timestamptz is null or version.clock <= $6)
               and ($7::timestamptz is null or version.recorded_at <= $7)
               and ($8::bigint is null
                    or (version.stream_seq, version.ordinal) <= ($8, $9::integer))
               and ($10::bigint is null or version.event_index <= $10)
            from state_version as version
            where version.agent_id = $1 and version.version = middle
        ), true)
        offset 0
    ) as probe(within)
    where high - low > 1
)
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
           where taint.agent_id = $1
             and (taint.stream_seq, taint.ordinal)
                 > (coalesce(snapshot.stream_seq, 0), coalesce(snapshot.ordinal, 0))
             -- A row of nulls comes last.
             and row(taint.stream_seq, taint.ordinal) < least(
                 row(next_event.stream_seq, next_event.ordinal),
                 row(next_version.stream_seq, next_version.ordinal),
                 row($11::bigint + 1, 0)
             )
       ) as tainted
from (
    select (select low from events_within where high - low <= 1),
           (select low from versions_within where high - low <= 1)
) as stand(event_index, version)
left join event on event.agent_id = $1 and event.event_index = stand.event_index
left join state_version as version
    on version.agent_id = $1 and version.version = stand.version
left join event as next_event
    on next_event.agent_id = $1 and next_event.event_index = stand.event_index + 1
left join state_version as next_version
    on next_version.agent_id = $1 and next_version.version = stand.version + 1
left join state_version as snapshot
    on snapshot.agent_id = $1 and snapshot.version = version.version - version.since_snapshot

-- name: next_snapshot
-- The version in force at the place $3, $4 among the first $2, -1 where the place is none, and the
-- first snapshot behind it, if there is one. Each version knows how far back its newest snapshot
-- is, and that never goes back: the first one that has a newer one than the version in force is
-- that snapshot. It is mostly close by, so the way to it is doubled before it is halved.
with recursive standing(low, high) as (
    select -1::bigint, case when $3::bigint is null then 0 else $2::bigint end
    union all
    select case when probe.within then middle else low end,
           case when probe.within then high else middle end
    from standing
    cross join lateral (select (low + high) / 2) as halving(middle)
    cross join lateral (
        -- What is gone was dropped from the front.
        select coalesce((
            select (version.stream_seq, version.ordinal) <= ($3, $4::integer)
            from state_version as version
            where version.agent_id = $1 and version.version = middle
        ), true)
        offset 0
    ) as probe(within)
    where high - low > 1
),
search(stand, low, high, stride) as (
    select low, low, $2::bigint, 1::bigint from standing where high - low <= 1
    union all
    select stand,
           case when probe.before then middle else low end,
           case when probe.before then high else middle end,
           case when probe.before then stride * 2 else stride end
    from search
    cross join lateral (select least(low + stride, (low + high) / 2)) as halving(middle)
    cross join lateral (
        select coalesce((
            select coalesce(version.version - version.since_snapshot, -1) <= stand
            from state_version as version
            where version.agent_id = $1 and version.version = middle
        ), true)
        offset 0
    ) as probe(before)
    where high - low > 1
)
select search.stand, snapshot.version, snapshot.event_index, snapshot.stream_seq
from search
left join state_version as snapshot
    on snapshot.agent_id = $1 and snapshot.version = search.high and search.high < $2
where high - low <= 1

-- name: previous_snapshot
-- The version in force at the place $3, $4 among the first $2, -1 where the place is none, and the
-- last snapshot before the record at that place, if there is one.
with recursive standing(low, high) as (
    select -1::bigint, case when $3::bigint is null then 0 else $2::bigint end
    union all
    select case when probe.within then middle else low end,
           case when probe.within then high else middle end
    from standing
    cross join lateral (select (low + high) / 2) as halving(middle)
    cross join lateral (
        -- What is gone was dropped from the front.
        select coalesce((
            select (version.stream_seq, version.ordinal) <= ($3, $4::integer)
            from state_version as version
            where version.agent_id = $1 and version.version = middle
        ), true)
        offset 0
    ) as probe(within)
    where high - low > 1
)
select standing.low as stand, snapshot.version, snapshot.event_index, snapshot.stream_seq
from standing
left join state_version as version on version.agent_id = $1 and version.version = standing.low
-- A snapshot that is itself the record there is not before it.
left join state_version as before
    on before.agent_id = $1
    and before.version = standing.low - case
        when version.snapshot_id is not null
             and (version.stream_seq, version.ordinal) = ($3, $4::integer) then 1
        else 0
    end
left join state_version as snapshot
    on snapshot.agent_id = $1 and snapshot.version = before.version - before.since_snapshot
where high - low <= 1
