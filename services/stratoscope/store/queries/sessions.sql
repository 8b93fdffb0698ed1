-- Sessions: an operator's place in a timeline.

-- name: create
insert into session
    (id, space, agent, state, name, description, tags, config, event_index, stream_seq, ordinal,
     clock, created_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13)

-- name: get
select id, agent, state, version, name, description, tags, config, event_index, stream_seq, ordinal,
       clock, created_at, updated_at
from session
where space = $1 and id = $2

-- name: lock
-- Requests for one session wait for each other here.
select id, agent, state, version, name, description, tags, config, event_index, stream_seq, ordinal,
       clock, created_at, updated_at
from session
where space = $1 and id = $2
for update

-- name: enter
update session
set state = $2, version = version + 1, updated_at = $3,
    started_at = case when $2 = 'active' then coalesce(started_at, $3) else started_at end,
    ended_at = case when $2 in ('completed', 'error') then $3 end
where id = $1

-- name: move
-- Retention waits for this lock on the agent before it moves a horizon, and then sees the session.
with kept as (
    select first_position, first_version from agent where agent_id = $7 for key share
)
update session
set event_index = $2, stream_seq = $3, ordinal = $4, clock = $5, updated_at = $6,
    version = version + 1, navigation_steps = navigation_steps + 1
where id = $1
returning (select first_position from kept), (select first_version from kept)

-- name: count
-- Active are those that were started and have not outlived their time; the bound keeps any
-- duration that JSON can say within what an interval can hold.
select count(*) as total,
       count(*) filter (
           where state in ('active', 'paused')
             and created_at
                 + make_interval(secs => least((config->>'max_session_duration')::float8, 1e9))
                 >= $2
       ) as active
from session
where space = $1
