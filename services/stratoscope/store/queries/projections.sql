-- The projections there are, and which one answers.

-- name: serving
select schema_name from strato.projection where serving

-- name: all
select schema_name, serving, rule_version, served_at, kept
from strato.projection
order by created_at, schema_name

-- name: taken
-- Schemas that look like a projection, whether they are known as one or not.
select nspname::text from pg_namespace where nspname ~ '^strato_p[0-9]+$'

-- name: add
insert into strato.projection (schema_name, serving, rule_version, served_at)
values ($1, $2, $3, case when $2 then now() end)

-- name: forget
delete from strato.projection where schema_name = $1 and not serving

-- name: keep
update strato.projection set kept = true where schema_name = $1

-- name: hold_still
-- No batch is committed while this is held: a commit moves these rows.
select partition, stream_seq from partition order by partition for update

-- name: checkpoints
select partition, stream_seq from partition order by partition

-- name: fence
-- Who projects this finds its lease lost, and looks which projection serves.
update partition
set epoch = epoch + 1, owner = null, owner_pid = null, owner_since = null, lease_until = null

-- name: alive
-- How many projectors there are beside those of this process.
select count(*) from projector
where alive_until >= now() and not is_gone(pid, since) and not starts_with(owner, $1)

-- name: hand_down
-- The verdicts of a rebuild, which it kept to itself. What live intake had passed is not news to
-- anybody: such a letter is not published.
insert into strato.dead_letter
    (stream_seq, ordinal, rule_version, space, agent, subject, reason, detail, headers, body,
     recorded_at, published_at)
select stream_seq, ordinal, rule_version, space, agent, subject, reason, detail, headers, body,
       recorded_at, case when stream_seq <= $1 then now() end
from dead_letter
order by stream_seq
on conflict do nothing

-- name: take_breakpoints_back
-- The log ends before where it did: breakpoints that wait for what was behind would see nothing
-- until it is there again. Whoever watches begins a new lease.
with armed as (
    update breakpoint
    set armed_seq = least(armed_seq, (select max(stream_seq) from partition))
)
update watch
set stream_seq = least(watch.stream_seq, partition.stream_seq), epoch = watch.epoch + 1,
    owner = null, owner_pid = null, owner_since = null, lease_until = null
from partition
where partition.partition = watch.partition

-- name: forget_hits_behind
-- What stands there from now on is another record: its hit has the same id, and would be taken for
-- one that is known. Asked after whoever watched is fenced off, or a hit could slip in meanwhile.
delete from hit
using partition
where partition.partition = hit.partition and hit.stream_seq > partition.stream_seq

-- name: retire
update strato.projection set serving = false where serving

-- name: serve
update strato.projection set serving = true, served_at = now() where schema_name = $1

-- name: try_lock
select pg_try_advisory_lock($1)

-- name: records
select coalesce(sum(next_event), 0)::bigint as events,
       coalesce(sum(next_version), 0)::bigint as versions
from agent

-- name: database_bytes
select pg_database_size(current_database())
