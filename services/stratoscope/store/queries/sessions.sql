-- Sessions: an operator's place in a timeline, its navigation history, what is kept with it.
--
-- In halving, what a probe finds is used twice, and without `offset 0` Postgres would put it into
-- both places, and so probe twice.

-- name: create
insert into session
    (id, space, agent, state, name, description, tags, config, event_index, stream_seq, ordinal,
     clock, first_place, current_place, last_place, navigation_steps, created_at, updated_at,
     ends_at, started_at, ended_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
        $21)

-- name: get
-- The session, and the head of its agent's timeline where there is one.
select session.id, session.agent, session.state, session.version, session.name,
       session.description, session.tags, session.config, session.event_index,
       session.stream_seq, session.ordinal, session.clock, session.first_place,
       session.current_place, session.last_place, session.navigation_steps, session.created_at,
       session.updated_at, session.ends_at, session.started_at, session.ended_at,
       agent.agent_id, agent.name, agent.next_event, agent.next_version,
       agent.snapshots - agent.dropped_snapshots, agent.first_at, agent.clock,
       agent.first_position, agent.first_version, agent.first_shown, agent.horizon_seq,
       agent.horizon_clock, agent.horizon_recorded_at, agent.indexed_from, agent.duplicates
from session
left join agent
    on agent.space = session.space and agent.name = session.agent
    and agent.next_event + agent.next_version > 0
where session.space = $1 and session.id = $2

-- name: lock
-- Requests for one session wait for each other here.
select from session where space = $1 and id = $2 for update

-- name: page
-- Newest first: ids sort by the moment they were made. An open session that has outlived its time
-- is an error.
select session.id, session.agent, session.state, session.version, session.name,
       session.description, session.tags, session.config, session.event_index,
       session.stream_seq, session.ordinal, session.clock, session.first_place,
       session.current_place, session.last_place, session.navigation_steps, session.created_at,
       session.updated_at, session.ends_at, session.started_at, session.ended_at
from session
where space = $1 and ($2::uuid is null or id < $2)
  and ($3::text is null or $3 = case
      when state in ('created', 'active', 'paused') and ends_at < $4::timestamptz then 'error'
      else state
  end)
order by id desc
limit $5

-- name: page_of_agent
select session.id, session.agent, session.state, session.version, session.name,
       session.description, session.tags, session.config, session.event_index,
       session.stream_seq, session.ordinal, session.clock, session.first_place,
       session.current_place, session.last_place, session.navigation_steps, session.created_at,
       session.updated_at, session.ends_at, session.started_at, session.ended_at
from session
where space = $1 and agent = $6 and ($2::uuid is null or id < $2)
  and ($3::text is null or $3 = case
      when state in ('created', 'active', 'paused') and ends_at < $4::timestamptz then 'error'
      else state
  end)
order by id desc
limit $5

-- name: enter
update session
set state = $2, version = version + 1, updated_at = $3,
    started_at = case when $2 = 'active' then coalesce(started_at, $3) else started_at end,
    ended_at = case when $2 = 'completed' then least(ends_at, $3) end
where id = $1

-- name: describe
update session
set name = $2, description = $3, tags = $4, version = version + 1, updated_at = $5
where id = $1

-- name: touch
update session set version = version + 1, updated_at = $2 where id = $1

-- name: remove
delete from session where id = $1

-- name: move
-- Reaches a place as `reaching.reach` does, and puts the session there, in one statement and so in
-- one transaction: if its version ($12) is still the one that was read, and if retention has not
-- passed the place meanwhile. Retention waits for the lock on the agent before it moves a horizon,
-- and then sees the session. $14 is a clock of the session's own. The history becomes $15 to $17,
-- and the place is remembered in the slot $18; but going to where the session stands adds nothing,
-- and without a slot the place is one of the history already.
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
),
around as (
    select stand.event_index, stand.version,
           event.id as event_id, event.stream_seq as event_seq, event.ordinal as event_ordinal,
           event.clock as event_clock, event.recorded_at as event_recorded_at,
           coalesce(event.occurred_at, event.clock) as event_occurred_at,
           version.event_index as version_event_index, version.stream_seq as version_seq,
           version.ordinal as version_ordinal, version.clock as version_clock,
           version.recorded_at as version_recorded_at,
           coalesce(version.occurred_at, version.clock) as version_occurred_at,
           version.snapshot_id as version_snapshot_id, snapshot.snapshot_id,
           -- What no position tells is not looked for.
           null::integer as slot, null::integer as size, false as tainted
    from (
        select (select low from events_within where high - low <= 1),
               (select low from versions_within where high - low <= 1)
    ) as stand(event_index, version)
    left join event on event.agent_id = $1 and event.event_index = stand.event_index
    left join state_version as version
        on version.agent_id = $1 and version.version = stand.version
    left join state_version as snapshot
        on snapshot.agent_id = $1 and snapshot.version = version.version - version.since_snapshot
),
place as (
    -- The record passed last; a patch shares its event's place.
    select event_index, version,
           case when is_state then version_seq else event_seq end as stream_seq,
           case when is_state then version_ordinal else event_ordinal end as ordinal,
           coalesce($14::timestamptz, case when is_state then version_clock else event_clock end)
               as clock
    from around
    cross join lateral (
        select version_seq is not null
               and (event_seq is null
                    or (version_seq, version_ordinal) > (event_seq, event_ordinal))
    ) as latest(is_state)
),
horizon as (
    select first_position, first_version from agent where agent_id = $1 for key share
),
kept as (
    select place.*,
           place.event_index >= first_position
           and (first_version = 0 or place.version >= first_version) as is_kept,
           $18::integer is null
           or (stood.event_index, stood.stream_seq, stood.ordinal, stood.clock)
              is distinct from (place.event_index, place.stream_seq, place.ordinal, place.clock)
               as is_news
    from place
    cross join horizon
    left join session as stood on stood.id = $11
),
moved as (
    update session
    set event_index = kept.event_index, stream_seq = kept.stream_seq, ordinal = kept.ordinal,
        clock = kept.clock, updated_at = $13, version = session.version + 1,
        navigation_steps = navigation_steps + 1,
        first_place = case when kept.is_news then $15 else first_place end,
        current_place = case when kept.is_news then $16 else current_place end,
        last_place = case when kept.is_news then $17 else last_place end
    from kept
    where session.id = $11 and session.version = $12 and kept.is_kept
    returning session.id, session.current_place, session.event_index, session.stream_seq,
              session.ordinal, session.clock
),
remembered as (
    insert into session_place (session_id, slot, event_index, stream_seq, ordinal, clock)
    select id, $18::integer, event_index, stream_seq, ordinal, clock
    from moved
    where $18 is not null and current_place = $16
    on conflict (session_id, slot) do update
    set event_index = excluded.event_index, stream_seq = excluded.stream_seq,
        ordinal = excluded.ordinal, clock = excluded.clock
)
select around.*, kept.is_kept, exists (select from moved) as is_moved
from around
cross join kept

-- name: remember
-- Places of the history into their slots.
insert into session_place (session_id, slot, event_index, stream_seq, ordinal, clock)
select $1, slot, event_index, stream_seq, ordinal, clock
from unnest($2::integer[], $3::bigint[], $4::bigint[], $5::integer[], $6::timestamptz[])
    as place(slot, event_index, stream_seq, ordinal, clock)

-- name: places
-- Places of the history by their slots, in the order in which they are asked for.
select place.event_index, place.stream_seq, place.ordinal, place.clock
from unnest($2::integer[]) with ordinality as asked(slot, line)
join session_place as place on place.session_id = $1 and place.slot = asked.slot
order by asked.line

-- name: count
-- Active are those that were started and have not outlived their time.
select count(*) as total,
       count(*) filter (where state in ('active', 'paused') and ends_at >= $2) as active
from session
where space = $1

-- name: states
-- Those of all spaces by state; one that has outlived its time is in error.
select case
           when state in ('created', 'active', 'paused') and ends_at < $1 then 'error' else state
       end as state,
       count(*) as sessions
from session
group by 1

-- name: tally
-- What an agent has recorded and is still kept, and what is kept with a session.
select coalesce(sum(next_event - greatest(first_position, 0)), 0)::bigint as events,
       coalesce(sum(snapshots - dropped_snapshots), 0)::bigint as snapshots,
       coalesce(sum(next_version - first_version - (keyframes - dropped_keyframes)), 0)::bigint
           as diffs,
       least(
           coalesce(sum(greatest(memory_usage - dropped_memory_usage, 0)), 0), 9223372036854775807
       )::bigint as memory_usage,
       (select count(*) from session_value where session_id = $3) as values,
       (select count(*) from session_mark where session_id = $3) as marks
from agent
where space = $1 and name = $2 and next_event + next_version > 0
