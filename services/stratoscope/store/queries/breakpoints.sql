-- Breakpoints: conditions that are watched live and asked of the past.

-- name: change
-- Whoever changes a breakpoint takes this first: it orders the changes, and tells who watches.
with changed as (update arming set revision = revision + 1 returning revision)
select revision, pg_notify('strato_arming', revision::text) from changed

-- name: revision
select revision from arming

-- name: of_agents
-- How many each of these agents has, without those of sessions that have ended.
select kept.space, kept.agent, count(*) as count
from unnest($1::text[], $2::text[]) as wanted(space, agent)
join breakpoint as kept
  on kept.space = wanted.space and kept.agent = wanted.agent and kept.removed_at is null
where kept.session_id is null or exists (
    select from session
    where id = kept.session_id and state in ('created', 'active', 'paused') and ends_at > $3
)
group by kept.space, kept.agent

-- name: insert
insert into breakpoint
    (id, revision, armed_seq, created_at, ends_at, session_id, is_enabled, is_auto, space, agent,
     trigger, action, condition, hit, message, metadata, disabled_reason)
select id, $1, armed_seq, created_at, ends_at, session_id, is_enabled, is_auto, space, agent,
       trigger, action, condition::json, hit::json, message, metadata::json, disabled_reason
from unnest($2::uuid[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::uuid[],
            $7::boolean[], $8::boolean[], $9::text[], $10::text[], $11::text[], $12::text[],
            $13::text[], $14::text[], $15::text[], $16::text[], $17::text[])
    as new(id, armed_seq, created_at, ends_at, session_id, is_enabled, is_auto, space, agent,
           trigger, action, condition, hit, message, metadata, disabled_reason)

-- name: get
select * from kept_breakpoint where space = $1 and id = $2

-- name: page
-- Newest first.
select * from kept_breakpoint
where space = $1 and number < $2
order by number desc
limit $3

-- name: page_of_agent
select * from kept_breakpoint
where space = $1 and agent = $4 and number < $2
order by number desc
limit $3

-- name: page_of_session
select * from kept_breakpoint
where space = $1 and session_id = $4 and ($5::text is null or agent = $5) and number < $2
order by number desc
limit $3

-- name: armed
-- What would hit an agent: of its own or of all agents, of nobody's session or of this one.
select * from kept_breakpoint
where space = $1 and agent in ($2, '*') and is_enabled
  and (session_id is null or session_id = $3) and (ends_at is null or ends_at > $4)
order by number

-- name: watching
-- What would hit an agent, whatever session it belongs to.
select * from kept_breakpoint
where space = $1 and agent in ($2, '*') and is_enabled and (ends_at is null or ends_at > $3)
order by number

-- name: of_session
select count(*) from breakpoint
where space = $1 and session_id = $2 and removed_at is null

-- name: enable
-- Enabled again it is armed anew: what was recorded in between it has not seen, and its rule counts
-- from the start. Where the log's end was read before another request disabled it, that has seen
-- more by now, and is not to be counted twice.
with armed as (
    update breakpoint
    set revision = $3, is_enabled = true,
        armed_seq = greatest($4, (select max(stream_seq) from watch)), strikes = 0, last_error = null,
        disabled_reason = null
    where space = $1 and id = $2 and removed_at is null and not is_enabled
    returning id
)
update hit_count set matches = 0 where breakpoint_id in (select id from armed)

-- name: disable
update breakpoint
set revision = $3, is_enabled = false, disabled_reason = $4
where space = $1 and id = $2 and removed_at is null and is_enabled

-- name: remove
with gone as (
    update breakpoint
    set revision = $3, is_enabled = false, removed_at = $4
    where space = $1 and id = $2 and removed_at is null
    returning id
), uncounted as (
    delete from hit_count where breakpoint_id in (select id from gone)
)
select id from gone

-- name: disable_of_session
update breakpoint
set revision = $3, is_enabled = false, disabled_reason = $4
where space = $1 and session_id = $2 and removed_at is null and is_enabled

-- name: remove_of_session
with gone as (
    update breakpoint
    set revision = $3, is_enabled = false, removed_at = $4
    where space = $1 and session_id = $2 and removed_at is null
    returning id
), uncounted as (
    delete from hit_count where breakpoint_id in (select id from gone)
)
select count(*) from gone
