-- How much spaces have of what a quota counts.

-- name: there
-- Those of some agents that a projection knows already.
select space, name
from agent
join unnest($1::text[], $2::text[]) as named(space, name) using (space, name)

-- name: agents
select space, count(*) as count from agent where space = any($1::text[]) group by space

-- name: full
-- Spaces whose states take as many bytes, as they are stored, as they may.
select space
from agent
where space <> ''
group by space
having sum(stored_bytes - dropped_stored_bytes) >= $1::bigint

-- name: breakpoint_bytes
-- What their texts take, and $3 for each; without those of sessions that have ended.
select coalesce(
           sum($3 + octet_length(condition::text) + octet_length(metadata::text)
               + coalesce(octet_length(message), 0)),
           0
       )::bigint
from breakpoint
where space = $1 and removed_at is null
  and (session_id is null or exists (
      select from session
      where id = breakpoint.session_id and state in ('created', 'active', 'paused')
        and ends_at > $2
  ))

-- name: breakpoints
-- Without those of sessions that have ended.
select count(*) from breakpoint
where space = $1 and removed_at is null
  and (session_id is null or exists (
      select from session
      where id = breakpoint.session_id and state in ('created', 'active', 'paused')
        and ends_at > $2
  ))

-- name: sessions
-- Whatever state they are in: all of them are stored.
select count(*) from session where space = $1

-- name: kept_bytes
select coalesce(sum(kept_bytes), 0)::bigint from session where space = $1
