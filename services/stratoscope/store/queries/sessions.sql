-- Sessions: an operator's place in a timeline, its navigation history, what is kept with it.

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
       agent.horizon_clock, agent.horizon_recorded_at, agent.indexed_from
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
-- One statement, and so one transaction: the session is elsewhere if its version is still the one
-- that was read, and if retention has not passed the place meanwhile. Retention waits for the lock
-- on the agent before it moves a horizon, and then sees the session. The slot is null where the
-- place is one of the history already.
with kept as (
    select first_position, first_version from agent where agent_id = $3 for key share
),
moved as (
    update session
    set event_index = $4, stream_seq = $5, ordinal = $6, clock = $7, updated_at = $8,
        first_place = $9, current_place = $10, last_place = $11,
        version = version + 1, navigation_steps = navigation_steps + 1
    from kept
    where session.id = $1 and session.version = $2
      and $4 >= kept.first_position
      and (kept.first_version = 0 or $12::bigint >= kept.first_version)
    returning session.id
),
remembered as (
    insert into session_place as place
        (session_id, slot, event_index, stream_seq, ordinal, clock)
    select id, $13::integer, $4, $5, $6, $7 from moved where $13 is not null
    on conflict (session_id, slot) do update
    set event_index = excluded.event_index, stream_seq = excluded.stream_seq,
        ordinal = excluded.ordinal, clock = excluded.clock
)
select exists (select from moved) as is_moved,
       $4 >= first_position and (first_version = 0 or $12 >= first_version) as is_kept
from kept

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

-- name: tally
-- What an agent has recorded and is still kept, and what is kept with a session.
select coalesce(sum(next_event - greatest(first_position, 0)), 0)::bigint as events,
       coalesce(sum(snapshots - dropped_snapshots), 0)::bigint as snapshots,
       coalesce(sum(next_version - first_version - (keyframes - dropped_keyframes)), 0)::bigint
           as diffs,
       coalesce(sum(greatest(memory_usage - dropped_memory_usage, 0)), 0)::bigint as memory_usage,
       (select count(*) from session_value where session_id = $3) as values,
       (select count(*) from session_mark where session_id = $3) as marks
from agent
where space = $1 and name = $2 and next_event + next_version > 0
