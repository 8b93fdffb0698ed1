-- What the log says, in the form in which it is asked for. Everything here can be dropped and
-- filled again from the log. A projection lives in a schema of its own (search_path), so that a
-- new one can be filled beside the one that serves.
--
-- Each key starts with, or contains, agent_id: it is the distribution key of a sharded database.
-- A table's columns stand in the order that wastes no bytes on alignment.

create table log (
    stream text primary key,
    created_at timestamptz not null
);
comment on table log is 'The stream that this projection was made from; another one stops the projector.';

create table partition (
    partition smallint primary key,
    epoch bigint not null default 0,
    stream_seq bigint not null default 0,
    probe_seq bigint not null default 0,
    probe_digest bytea,
    owner text,
    owner_pid integer,
    owner_since timestamptz,
    lease_until timestamptz
);
comment on table partition is 'The only checkpoint: all of a partition up to stream_seq is in the tables. The owner holds a lease, the epoch fences one who lost it.';
comment on column partition.probe_seq is 'The last message that was taken in, with its digest: a log that no longer has it was replaced or rolled back.';

create function is_gone(backend integer, since timestamptz) returns boolean
language sql stable
return not exists (
    select from pg_stat_activity as session
    where session.pid = backend
      -- Null where this role may not see it: then only time tells.
      and (session.backend_start is null or session.backend_start = since)
);
comment on function is_gone is 'Whether a session has ended; a later one may have its number, but not its start.';

create function is_free(held partition) returns boolean
language sql stable
return held.owner is null
    or held.lease_until < now()
    or is_gone(held.owner_pid, held.owner_since);
comment on function is_free is 'Nobody holds it, the lease ran out, or the holder''s session has ended: a killed process is followed at once.';

create table projector (
    owner text primary key,
    pid integer not null,
    since timestamptz,
    alive_until timestamptz not null
);
comment on table projector is 'Who is alive, so that partitions are shared out evenly.';

create table agent (
    agent_id integer generated always as identity primary key,
    partition smallint not null,
    space text not null,
    name text not null,
    next_event bigint not null default 0,
    next_version bigint not null default 0,
    next_slot smallint not null default 0,
    snapshots bigint not null default 0,
    patches bigint not null default 0,
    keyframes bigint not null default 0,
    duplicates bigint not null default 0,
    memory_usage bigint not null default 0,
    raw_bytes bigint not null default 0,
    stored_bytes bigint not null default 0,
    last_snapshot bigint,
    indexed_from bigint not null default 0,
    first_position bigint not null default -1,
    first_version bigint not null default 0,
    first_shown bigint not null default 0,
    swept_event bigint not null default 0,
    swept_version bigint not null default 0,
    horizon_seq bigint,
    dropped_snapshots bigint not null default 0,
    dropped_keyframes bigint not null default 0,
    dropped_memory_usage bigint not null default 0,
    dropped_raw_bytes bigint not null default 0,
    dropped_stored_bytes bigint not null default 0,
    base_seq bigint,
    first_at timestamptz,
    clock timestamptz,
    recorded_at timestamptz,
    horizon_clock timestamptz,
    horizon_recorded_at timestamptz,
    row_lock boolean check (row_lock is null),
    unique (space, name)
) with (fillfactor = 60);
comment on table agent is 'An agent''s name as a number, and the head of its timeline.';
comment on column agent.first_position is 'Retention dropped the positions before it; -1 as long as there are all.';
comment on column agent.first_version is 'A group''s start: versions can be read from here on, and have a position from first_shown on.';
comment on column agent.swept_event is 'Rows of events below it are deleted, those from here up to the horizon are about to be.';
comment on column agent.base_seq is 'Up to this message the timeline was taken over as a base, since the log has been cut.';
comment on column agent.row_lock is 'Always null. The navigator''s role has the right to update this column only: Postgres asks for such a right before it locks a row for key share.';

create table event_type (
    type_id integer generated always as identity primary key,
    name text not null unique
);

create table event (
    event_index bigint not null,
    stream_seq bigint not null,
    clock timestamptz not null,
    recorded_at timestamptz not null,
    occurred_at timestamptz,
    agent_id integer not null,
    type_id integer not null,
    ordinal integer not null,
    depth integer,
    id uuid not null,
    data json not null,
    metadata json,
    causes uuid[],
    patch json,
    traceparent text,
    primary key (agent_id, event_index)
);
comment on column event.occurred_at is 'Null where it is the clock: behind it the event is late, past it clamped.';
comment on column event.depth is 'Null until the resolver knows the depth of a cause in another partition.';
-- One index for both questions: is this id taken, and where in the space is it.
create unique index event_id on event (id, agent_id);
create index event_of_type on event (agent_id, type_id, event_index);
create index event_without_depth on event (stream_seq, ordinal) where depth is null;

create table event_block (
    block bigint not null,
    marks bigint not null,
    agent_id integer not null,
    low integer,
    high integer,
    is_closed boolean not null,
    primary key (agent_id, block)
);
comment on table event_block is 'The depths of 1,024 events, so that a search for one passes over whole stretches: lowest, highest, a bit for each remainder by 64. Closed once the last event is there; a depth that is resolved later widens it.';

create table edge (
    cause uuid not null,
    agent_id integer not null,
    event_index bigint not null,
    primary key (cause, agent_id, event_index)
);
comment on table edge is 'Causes the other way round: which events name this one.';

create table twin (
    id uuid primary key
);
comment on table twin is 'Ids that intake met in a second agent of a space: only for these must it be looked up which event is meant.';

create table open_cause (
    stream_seq bigint not null,
    event_index bigint not null,
    agent_id integer not null,
    ordinal integer not null,
    primary key (stream_seq, ordinal, agent_id)
);
comment on table open_cause is 'Events that named a cause which was not known to stand before them: it came late, never, or its partition lagged behind. Only from these does a cause lead forward in the log.';

create table state_version (
    event_index bigint not null,
    stream_seq bigint not null,
    clock timestamptz not null,
    recorded_at timestamptz not null,
    occurred_at timestamptz,
    memory_usage bigint,
    agent_id integer not null,
    version integer not null,
    size integer not null,
    ordinal integer not null,
    since_snapshot integer,
    slot smallint not null,
    snapshot_id uuid,
    digest bytea not null,
    blob bytea not null,
    metadata json,
    label text,
    traceparent text,
    -- A timeline grows at its end: full pages stay full.
    primary key (agent_id, version) with (fillfactor = 100)
);
comment on column state_version.since_snapshot is 'How many versions ago the newest snapshot was; null where there was none.';
comment on table state_version is 'Every state an agent was in, as a delta against version - slot + (slot & (slot - 1)); slot 0 is a keyframe. Without a snapshot_id it came from an event''s patch.';
-- By their hash, since ids are only ever looked up whole: two thirds of what a hash index takes,
-- whose buckets stand half empty, and half of what a btree of ids takes that come in any order.
create index state_version_snapshot on state_version (uuid_hash(snapshot_id));
-- Blobs are zstd already: compressing them again only costs time.
alter table state_version alter column blob set storage external;

create table path (
    agent_id integer not null,
    path_no integer not null,
    path text collate "C" not null,
    primary key (agent_id, path_no)
);
comment on table path is 'The paths of an agent''s field index as numbers.';
-- In byte order, so that all that lies below a path is one stretch of it.
create unique index path_by_text on path (agent_id, path);

create table field_change (
    agent_id integer not null,
    path_no integer not null,
    version bigint not null,
    primary key (agent_id, path_no, version)
);
comment on table field_change is 'The field index: at or below this path the version differs from the one before. Complete from agent.indexed_from on.';

create table taint (
    agent_id integer not null,
    stream_seq bigint not null,
    ordinal integer not null,
    event_index bigint not null,
    gap json,
    primary key (agent_id, stream_seq, ordinal)
);
comment on table taint is 'Where a patch did not apply, or the recorder dropped records: the agent''s state is not to be trusted from there until its next snapshot.';
comment on column taint.gap is 'What the event that stands here says of the records dropped before it; null for a refused record.';

create type head as (
    agent_id integer,
    next_event bigint,
    next_version bigint,
    next_slot smallint,
    snapshots bigint,
    patches bigint,
    keyframes bigint,
    duplicates bigint,
    memory_usage bigint,
    raw_bytes bigint,
    stored_bytes bigint,
    last_snapshot bigint,
    indexed_from bigint,
    first_at timestamptz,
    clock timestamptz,
    recorded_at timestamptz
);
comment on type head is 'Where an agent''s timeline ends after a batch: columns of agent.';

create type numbered_path as (agent_id integer, path_no integer, path text);
comment on type numbered_path is 'A row of path, whose own name Postgres has for a type of geometry.';

create function take_in(
    partitions smallint[], epochs bigint[], reached bigint[],
    through bigint, last_seq bigint, last_digest bytea,
    new_ids uuid[], agents integer[], new_snapshots uuid[],
    heads head[], events event[], versions state_version[], edges edge[], open_causes open_cause[],
    paths numbered_path[], changes field_change[]
) returns void
language plpgsql as $$
declare
    moved integer;
begin
    -- Locks the checkpoints, verifies the epoch and compares and sets, all at once: any other count
    -- than that of the partitions held means that the lease is somebody else's.
    update partition
    set stream_seq = greatest(partition.stream_seq, through),
        probe_seq = coalesce(last_seq, probe_seq),
        probe_digest = coalesce(last_digest, probe_digest)
    from unnest(partitions, epochs, reached) as held(partition, epoch, stream_seq)
    where partition.partition = held.partition
      and partition.epoch = held.epoch
      and partition.stream_seq = held.stream_seq;
    get diagnostics moved = row_count;
    if moved <> cardinality(partitions) then
        raise exception 'of % checkpoints % stand where they were left', cardinality(partitions), moved
            using errcode = 'object_not_in_prerequisite_state';
    end if;
    -- Ids that nobody has looked for: that they are new was taken for granted.
    if cardinality(new_ids) > 0 and exists (
        select from unnest(new_ids) as asked(id)
        cross join lateral (select from event where event.id = asked.id offset 0) as found
    ) or cardinality(agents) > 0 and exists (
        select from unnest(agents, new_snapshots) as asked(agent_id, id)
        cross join lateral (
            select agent_id
            from state_version
            where uuid_hash(snapshot_id) = uuid_hash(asked.id) and snapshot_id = asked.id offset 0
        ) as found
        where found.agent_id = asked.agent_id
    ) then
        raise exception 'an id is taken' using errcode = 'duplicate_object';
    end if;
    -- What a batch does not hold costs nothing.
    if cardinality(heads) > 0 then
        update agent
        set next_event = head.next_event, next_version = head.next_version,
            next_slot = head.next_slot, snapshots = head.snapshots, patches = head.patches,
            keyframes = head.keyframes, duplicates = head.duplicates,
            memory_usage = head.memory_usage, raw_bytes = head.raw_bytes,
            stored_bytes = head.stored_bytes, last_snapshot = head.last_snapshot,
            indexed_from = head.indexed_from, first_at = coalesce(agent.first_at, head.first_at),
            clock = head.clock, recorded_at = head.recorded_at
        from unnest(heads) as head
        where agent.agent_id = head.agent_id;
    end if;
    if cardinality(events) > 0 then
        insert into event select * from unnest(events);
    end if;
    if cardinality(versions) > 0 then
        insert into state_version select * from unnest(versions);
    end if;
    if cardinality(edges) > 0 then
        insert into edge select * from unnest(edges);
    end if;
    if cardinality(open_causes) > 0 then
        insert into open_cause select * from unnest(open_causes);
    end if;
    if cardinality(paths) > 0 then
        insert into path select * from unnest(paths);
    end if;
    if cardinality(changes) > 0 then
        insert into field_change select * from unnest(changes);
    end if;
end
$$;
comment on function take_in is 'A batch in one round trip: moves the checkpoints and the heads of timelines, and writes the rows that it is given. Raises where the checkpoints were moved by somebody else, or one of the new ids is taken.';
