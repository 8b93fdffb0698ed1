-- Holds on live agents, and the agents that come to their gates.

-- name: place
-- Placed again it holds anew: its time begins, and no step goes past it.
insert into hold (space, agent, held_by, session_id, held_at)
values ($1, $2, $3, $4, $5)
on conflict (space, agent, held_by, session_id) do update
set held_at = excluded.held_at, step_until = null, told = false

-- name: has_room
-- Whether a space has fewer holds than $2.
select count(*) < $2::bigint from (select from hold where space = $1 limit $2) as kept

-- name: release
delete from hold where space = $1 and agent = $2

-- name: step
-- From what is recorded by now; a step that is not over yet is made longer, up to $4 events.
update hold
set step_until = least(greatest(step_until, known.events) + $3::bigint, known.events + $4::bigint)
from (
    select coalesce(
        (select next_event from agent where agent.space = $1 and agent.name = $2), 0
    ) as events
) as known
where hold.space = $1 and hold.agent = $2

-- name: standing
-- All that a gate needs to know of an agent, in one round trip.
select coalesce(
           (select next_event from agent where agent.space = $1 and agent.name = $2), 0
       ) as events,
       array(
           select held_by from hold where space = $1 and agent = $2 order by held_at, held_by, told
       ) as held_by,
       array(
           select step_until from hold where space = $1 and agent = $2
           order by held_at, held_by, told
       ) as step_until,
       (select asked_at from gate where space = $1 and agent = $2) as asked_at,
       (select waiting_since from gate where space = $1 and agent = $2) as waiting_since

-- name: of_agents
select named.agent, gate.asked_at, gate.waiting_since,
       array(
           select held_by from hold where hold.space = $1 and hold.agent = named.agent
           order by held_at, held_by
       ) as held_by
from unnest($2::text[]) as named (agent)
left join gate on gate.space = $1 and gate.agent = named.agent

-- name: came
-- One that was not heard for a while has not waited all that time. Names of which nothing was
-- recorded and which nothing holds leave no row beyond a space's first thousand: there is no end
-- of them.
insert into gate as known (space, agent, asked_at, waiting_since)
select $1::text, $2::text, $3::timestamptz, case when $4 then $3::timestamptz end
where exists (select from agent where agent.space = $1 and agent.name = $2)
   or exists (select from hold where hold.space = $1 and hold.agent = $2)
   or (select count(*) from (select from gate where space = $1 limit 1000) as counted) < 1000
on conflict (space, agent) do update
set asked_at = excluded.asked_at,
    waiting_since = case
        when $4 and known.asked_at >= $5 then coalesce(known.waiting_since, excluded.asked_at)
        when $4 then excluded.asked_at
    end

-- name: release_over
-- Those that are older than allowed, and those of sessions that are over.
delete from hold
where held_at < $2
   or session_id is not null and not exists (
       select from session
       where id = hold.session_id and state in ('created', 'active', 'paused') and ends_at > $1
   )
returning space, agent, held_by, held_at < $2 as too_long

-- name: free_among
select space, agent
from unnest($1::text[], $2::text[]) as released (space, agent)
where not exists (
    select from hold where hold.space = released.space and hold.agent = released.agent
)

-- name: untold
select space, agent, held_by, session_id, held_at from hold where not told and held_at < $1

-- name: told
update hold set told = true
where space = $1 and agent = $2 and held_by = $3 and session_id is not distinct from $4
  and held_at = $5

-- name: count
-- Every replica asks twice a second: a distinct count of rows would sort them.
select count(*) as held, count(gate.agent) as waiting
from (select distinct space, agent from hold) as held
left join gate on gate.space = held.space and gate.agent = held.agent
              and gate.waiting_since is not null and gate.asked_at >= $1
