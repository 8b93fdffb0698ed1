-- Writing a projection: what one batch asks of the past, and what it leaves behind.

-- name: intern_agents
-- In sorted order and in a transaction of its own: two projectors that intern the same names wait
-- for each other one way only.
insert into agent (partition, space, name)
select * from unnest($1::smallint[], $2::text[], $3::text[]) as named(partition, space, name)
order by space, name
on conflict do nothing

-- name: intern_types
insert into event_type (name)
select name from unnest($1::text[]) as named(name) order by name
on conflict do nothing

-- name: types
select type_id, name from event_type where name = any($1::text[])

-- name: heads
select agent_id, space, name, next_event, next_version, next_slot, snapshots, patches, keyframes,
       duplicates, memory_usage, raw_bytes, stored_bytes, last_snapshot, indexed_from, first_at,
       clock, recorded_at,
       -- What was erased is passed over like what is in a base already.
       greatest(base_seq, (
           select through_seq
           from strato.erased as gone
           join log on log.created_at = gone.log_created_at
           where gone.space = agent.space and gone.agent = agent.name
       )) as base_seq
from agent
join unnest($1::text[], $2::text[]) as named(space, name) using (space, name)

-- name: chain
-- The blobs that rebuild one version, keyframe first.
select slot, size, digest, blob
from state_version
where agent_id = $1 and version = any($2::bigint[])
order by version

-- name: span
-- What the open group holds, from its keyframe on: it closes before that is too much.
select start.event_index, start.recorded_at, start.snapshot_id is not null as is_snapshot,
       count(version.snapshot_id) as snapshots,
       sum(octet_length(version.blob))::bigint as blob_bytes
from state_version as start
join state_version as version
    on version.agent_id = $1 and version.version >= $2 and version.version < $3
where start.agent_id = $1 and start.version = $2
group by start.agent_id, start.version

-- name: paths
select path_no, path from path where agent_id = $1

-- Ids are looked up one by one, each by the index (`offset 0` keeps a subquery as it stands). Left
-- to itself the planner joins what it takes for few rows first: all agents of a space with each
-- cause, or a whole table that was never analysed, which cost up to fifty times as much.

-- name: known
-- Events of all agents ($1): an id that is taken is a duplicate, one that another agent has is a
-- cause that is meant before any later event with it. And which of these ids ($3) snapshots of
-- agents ($2) have.
select found.agent_id, (select space from agent where agent.agent_id = found.agent_id) as space,
       asked.id, found.stream_seq, found.ordinal, found.depth
from unnest($1::uuid[]) as asked(id)
cross join lateral (
    select agent_id, stream_seq, ordinal, depth from event where event.id = asked.id offset 0
) as found
union all
select asked.agent_id, null, asked.id, null, null, null
from unnest($2::integer[], $3::uuid[]) as asked(agent_id, id)
cross join lateral (
    select agent_id
    from state_version
    where uuid_hash(snapshot_id) = uuid_hash(asked.id) and snapshot_id = asked.id offset 0
) as found
where found.agent_id = asked.agent_id

-- name: is_empty
select not exists (select from event) and not exists (select from state_version)

-- name: take_in
select take_in(
    $1::smallint[], $2::bigint[], $3::bigint[], $4, $5, $6, $7::uuid[], $8::integer[], $9::uuid[],
    $10::head[], $11::event[], $12::state_version[], $13::edge[], $14::open_cause[],
    $15::numbered_path[], $16::field_change[]
)

-- name: bury
-- A dead letter; the verdict of an earlier projection stands.
insert into dead_letter
    (stream_seq, ordinal, rule_version, space, agent, subject, reason, detail, headers, body, recorded_at)
select * from unnest(
    $1::bigint[], $2::integer[], $3::integer[], $4::text[], $5::text[], $6::text[], $7::text[],
    $8::text[], $9::json[], $10::bytea[], $11::timestamptz[]
) as letter(
    stream_seq, ordinal, rule_version, space, agent, subject, reason, detail, headers, body,
    recorded_at
)
where not exists (
    select from strato.erased as gone
    join log on log.created_at = gone.log_created_at
    where gone.space = letter.space and gone.agent = letter.agent
      and letter.stream_seq <= gone.through_seq
)
on conflict do nothing

-- name: verdicts
-- The operators' table, also where a projection that is being filled has one of its own.
select stream_seq, ordinal, reason, detail
from strato.dead_letter
where stream_seq between $1 and $2 and rule_version <= $3

-- name: last_verdict
select coalesce(max(stream_seq), 0) from strato.dead_letter

-- name: unpublished_dead_letters
select stream_seq, space, agent, reason, headers, body
from dead_letter
where published_at is null
order by stream_seq
limit $1

-- name: dead_letters_published
update dead_letter set published_at = now() where stream_seq = any($1::bigint[])

-- name: twins
-- In one order, or two partitions that meet the same ids would deadlock.
insert into twin (id) select id from unnest($1::uuid[]) as met(id) order by id
on conflict do nothing

-- name: unresolved
-- Events whose depth waits for a cause in another partition, all of whose past is projected.
select event.agent_id, event.event_index, event.stream_seq, event.ordinal, event.id, event.causes,
       agent.space
from event
join agent using (agent_id)
where event.depth is null
  and event.stream_seq <= (select min(stream_seq) from partition)
order by event.stream_seq, event.ordinal
limit $1

-- name: resolve
-- What sums up their blocks must cover them at every moment, closed already or not.
with resolved as (
    update event
    set depth = asked.depth
    from unnest($1::integer[], $2::bigint[], $3::integer[]) as asked(agent_id, event_index, depth)
    where event.agent_id = asked.agent_id and event.event_index = asked.event_index
    returning event.agent_id, event.event_index / 1024 as block, event.depth
)
insert into event_block (agent_id, block, is_closed, low, high, marks)
select agent_id, block, false, min(depth), max(depth), bit_or(1::bigint << (depth & 63))
from resolved
group by agent_id, block
order by agent_id, block
on conflict (agent_id, block) do update
set low = least(event_block.low, excluded.low), high = greatest(event_block.high, excluded.high),
    marks = event_block.marks | excluded.marks

-- name: log
-- Which stream this projection was made from; the first to ask decides.
with new as (
    insert into log (stream, created_at) values ($1, $2)
    on conflict (stream) do nothing
    returning created_at
)
select created_at from new union all select created_at from log where stream = $1 limit 1
