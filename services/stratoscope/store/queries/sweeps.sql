-- What is deleted because its time is over, a few rows at a time.

-- name: try_lock
-- Of several navigators one sweeps at a time; the lock is the transaction's.
select pg_try_advisory_xact_lock(1398228304)

-- name: has_ended_breakpoints
select exists (
    select from breakpoint where is_enabled and removed_at is null and ends_at < $1
)

-- name: end_breakpoints
-- Of sessions that have outlived their time.
update breakpoint
set revision = $1, is_enabled = false, disabled_reason = $3
where number in (
    select number from breakpoint
    where is_enabled and removed_at is null and ends_at < $2
    order by ends_at
    limit $4
)

-- name: expired_sessions
select id from session
where state in ('created', 'active', 'paused') and ends_at < $1
order by ends_at
limit $2
for update skip locked

-- name: remove_breakpoints
with gone as (
    update breakpoint
    set revision = $1, is_enabled = false, removed_at = $2
    where session_id = any($3::uuid[]) and removed_at is null
    returning id
)
delete from hit_count where breakpoint_id in (select id from gone)

-- name: remove_sessions
delete from session where id = any($1::uuid[])

-- name: remove_audit
select remove_audit($1, $2)

-- name: remove_imports
-- The names that imports reserved which ended before they had recorded anything. Where something
-- was recorded the placeholder stays: without it, half an import would be listed as an agent.
delete from imported_agent as import
where completed_at is null and started_at < $1
  and not exists (
      select from agent where agent.space = import.space and agent.name = import.agent
  )
