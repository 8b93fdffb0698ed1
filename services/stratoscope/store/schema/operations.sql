-- What operators do, and verdicts that outlive a projection. It is not in the log: it is backed
-- up, and refers to records by natural keys only (space, agent name, place, id).

create table projection (
    schema_name text primary key,
    serving boolean not null,
    created_at timestamptz not null default now(),
    rule_version integer not null default 1,
    served_at timestamptz,
    kept boolean not null default false
);
comment on table projection is 'The projections there are; the serving one answers.';
comment on column projection.rule_version is 'The rules of intake that it was begun with.';
comment on column projection.served_at is 'When it began to answer; null while a rebuild fills it.';
comment on column projection.kept is 'It answered once, and is not to be dropped.';
create unique index one_projection_serves on projection (serving) where serving;

create table dead_letter (
    stream_seq bigint primary key,
    ordinal integer,
    rule_version integer not null,
    space text not null,
    agent text not null,
    subject text not null,
    reason text not null,
    detail text not null,
    headers json not null,
    body bytea not null,
    recorded_at timestamptz not null,
    published_at timestamptz,
    emptied_at timestamptz
);
comment on table dead_letter is 'Messages that could not be taken, as they came. The verdict is kept: a rebuild repeats it.';
comment on column dead_letter.emptied_at is 'When headers and body were removed by age; the verdict stays as long as the log has the message.';
create index dead_letter_of_agent on dead_letter (space, agent, stream_seq);
create index dead_letter_unpublished on dead_letter (stream_seq) where published_at is null;
create index dead_letter_whole on dead_letter (recorded_at) where emptied_at is null;
create function empty_dead_letters(recorded_before timestamptz, at_a_time integer) returns bigint
language plpgsql security definer set search_path = strato, pg_temp as $$
declare
    emptied bigint;
begin
    update dead_letter
    set headers = '{}', body = '', emptied_at = now()
    where stream_seq in (
        select stream_seq from dead_letter
        where emptied_at is null and published_at is not null
          -- What is younger than the smallest setting stays, whatever the caller asks for.
          and recorded_at < least(recorded_before, now() - interval '1 day')
        order by recorded_at
        limit at_a_time
        for update skip locked
    );
    get diagnostics emptied = row_count;
    return emptied;
end
$$;
comment on function empty_dead_letters is 'Removes headers and bodies of the oldest published dead letters from before a moment, but none of the last day. The verdict stays: a rebuild repeats it. It runs with the rights of the owner.';
revoke execute on function empty_dead_letters from public;

create function remove_dead_letters(first_seq bigint, at_a_time integer) returns bigint
language plpgsql security definer set search_path = strato, pg_temp as $$
declare
    removed bigint;
begin
    delete from dead_letter
    where stream_seq in (
        select stream_seq from dead_letter
        -- Up to the oldest that is whole, which the index has: those behind it are not read.
        where stream_seq < least(first_seq, (
            select stream_seq from dead_letter
            where emptied_at is null order by recorded_at limit 1
        ))
          and emptied_at is not null
        order by stream_seq
        limit at_a_time
        for update skip locked
    );
    get diagnostics removed = row_count;
    return removed;
end
$$;
comment on function remove_dead_letters is 'Removes emptied dead letters of messages that the log has lost: those before its first. It runs with the rights of the owner.';
revoke execute on function remove_dead_letters from public;

create table session (
    id uuid primary key,
    space text not null,
    agent text not null,
    state text not null,
    version bigint not null default 1,
    name text,
    description text,
    tags text[] not null default '{}',
    config json not null default '{}',
    event_index bigint not null,
    stream_seq bigint,
    ordinal integer,
    clock timestamptz,
    first_place bigint not null default 0,
    current_place bigint not null default 0,
    last_place bigint not null default 0,
    navigation_steps bigint not null default 0,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    ends_at timestamptz not null,
    started_at timestamptz,
    ended_at timestamptz,
    kept_bytes bigint not null default 0
) with (fillfactor = 70);
comment on table session is 'An operator''s place in a timeline.';
comment on column session.kept_bytes is 'Bytes of its values, as JSON text, and of the notes of its marks.';
comment on column session.ends_at is 'An open session is an error after this moment, whether somebody looked at it since or not.';
comment on column session.current_place is 'Where it stands in its navigation history, whose places are numbered as they were gone to.';
create index session_of_space on session (space, id);
create index session_of_agent on session (space, agent, id);
create index session_ending on session (ends_at) where state in ('created', 'active', 'paused');

create table session_place (
    session_id uuid not null references session (id) on delete cascade,
    slot integer not null,
    event_index bigint not null,
    stream_seq bigint,
    ordinal integer,
    clock timestamptz,
    primary key (session_id, slot)
) with (fillfactor = 70);
comment on table session_place is 'The navigation history: a ring of as many places as the session is to remember. The slot is the place''s number modulo their count.';

create table session_mark (
    session_id uuid not null references session (id) on delete cascade,
    name text not null,
    note text,
    event_index bigint not null,
    stream_seq bigint,
    ordinal integer,
    clock timestamptz,
    created_at timestamptz not null,
    primary key (session_id, name)
);
comment on table session_mark is 'Positions with a name. Nothing is dropped under those of an open session.';

create table session_value (
    session_id uuid not null references session (id) on delete cascade,
    key text not null,
    value json not null,
    primary key (session_id, key)
);
comment on table session_value is 'What operators keep with a session.';

create table base (
    space text not null,
    agent text not null,
    partition smallint not null,
    ordinal integer not null,
    first_seq bigint not null,
    stream_seq bigint not null,
    through_seq bigint not null,
    event_index bigint not null,
    version bigint,
    clock timestamptz not null,
    recorded_at timestamptz not null,
    until timestamptz,
    log_created_at timestamptz,
    event json,
    state json,
    taints json,
    blob bytea,
    primary key (space, agent)
);
comment on table base is 'Where a timeline starts again once the log before it has been cut: its last event and state up to a message, as rows of a projection without what numbers are in it.';
comment on column base.first_seq is 'The agent''s first message: where the log still has it, the base is not needed. 1 where nobody knows.';
comment on column base.log_created_at is 'The stream that it was made from; it says nothing about another one.';
comment on column base.through_seq is 'Up to this message, and this time, nothing more was recorded.';
alter table base alter column blob set storage external;
create index base_of_partition on base (partition);

create table arming (
    one boolean primary key default true check (one),
    revision bigint not null default 0
);
comment on table arming is 'Counts the changes of breakpoints. Who changes one holds this row until it commits, so that revisions are seen in order.';
insert into arming default values;

create table breakpoint (
    number bigint generated always as identity primary key,
    id uuid not null unique,
    revision bigint not null,
    armed_seq bigint not null,
    created_at timestamptz not null,
    ends_at timestamptz,
    removed_at timestamptz,
    session_id uuid,
    is_enabled boolean not null,
    is_auto boolean not null default false,
    strikes smallint not null default 0,
    space text not null,
    agent text not null,
    trigger text not null,
    action text not null,
    condition json not null,
    hit json,
    message text,
    metadata json not null default '{}',
    last_error text,
    disabled_reason text
);
comment on table breakpoint is 'Conditions that are watched, by whom they concern; agent is * for all of the space.';
comment on column breakpoint.armed_seq is 'It sees the records behind this message.';
comment on column breakpoint.ends_at is 'When the session ends by itself that it belongs to.';
comment on column breakpoint.removed_at is 'Kept for a while, so that who watches hears of it.';
create index breakpoint_of_agent on breakpoint (space, agent, number) where removed_at is null;
create index breakpoint_of_space on breakpoint (space, number) where removed_at is null;
create index breakpoint_of_session on breakpoint (session_id, number) where removed_at is null;
create index breakpoint_ending on breakpoint (ends_at)
    where is_enabled and removed_at is null and ends_at is not null;
create index breakpoint_changed on breakpoint (revision);
create index breakpoint_removed on breakpoint (removed_at) where removed_at is not null;

create table hit_count (
    breakpoint_id uuid not null,
    agent text not null,
    matches bigint not null,
    hits bigint not null,
    primary key (breakpoint_id, agent)
);
comment on table hit_count is 'How often a condition was met by an agent since it was armed, and how often that was a hit.';

create view kept_breakpoint as
select number, id, revision, armed_seq, created_at, ends_at, session_id, is_enabled, is_auto,
       strikes, space, agent, trigger, action, condition, hit, message, metadata, last_error,
       disabled_reason,
       (select coalesce(sum(hits), 0)::bigint from hit_count where breakpoint_id = id) as hit_count
from breakpoint
where removed_at is null;
comment on view kept_breakpoint is 'The breakpoints there are, with how often each was hit.';

create table hit (
    stream_seq bigint not null,
    ordinal integer not null,
    event_index bigint not null,
    created_at timestamptz not null,
    published_at timestamptz,
    hit_id uuid primary key,
    breakpoint_id uuid not null,
    session_id uuid,
    partition smallint not null,
    space text not null,
    agent text not null,
    action text not null,
    body json not null
);
comment on table hit is 'Hits, each of them once. What is not published yet is on its way to the stream; what was is dropped once it is old and can''t be found again.';
create index hit_unpublished on hit (partition, stream_seq, ordinal) where published_at is null;
create index hit_published on hit (partition, published_at) where published_at is not null;

create table hold (
    held_at timestamptz not null,
    step_until bigint,
    session_id uuid,
    told boolean not null default false,
    space text not null,
    agent text not null,
    held_by text not null,
    unique nulls not distinct (space, agent, held_by, session_id)
);
comment on table hold is 'Who holds which agent: a breakpoint''s id, or operator, and of which session. An agent is held as long as there is one.';
comment on column hold.step_until is 'Up to so many events of its timeline the agent was let go on in spite of it.';
comment on column hold.told is 'Whether the agent was sent its pause; who placed it may have ended before that.';

create table gate (
    asked_at timestamptz not null,
    waiting_since timestamptz,
    space text not null,
    agent text not null,
    primary key (space, agent)
);
comment on table gate is 'Agents that come to their gate, when last one was heard there, and since when it waits.';

create table watch (
    partition smallint primary key,
    epoch bigint not null default 0,
    stream_seq bigint not null default 0,
    revision bigint not null default 0,
    owner text,
    owner_pid integer,
    owner_since timestamptz,
    lease_until timestamptz
);
comment on table watch is 'Breakpoints have seen a partition up to stream_seq, and know all changes up to revision. The owner holds a lease, the epoch fences one who lost it.';
insert into watch (partition) select generate_series(0, 15);

create table watcher (
    owner text primary key,
    pid integer not null,
    since timestamptz,
    alive_until timestamptz not null
);
comment on table watcher is 'Who watches for breakpoints, so that partitions are shared out evenly.';

create table imported_agent (
    id uuid primary key,
    space text not null,
    agent text not null,
    source_agent text not null,
    object text not null,
    digest text not null,
    started_at timestamptz not null,
    last_seq bigint,
    completed_at timestamptz,
    unique (space, agent)
);
comment on table imported_agent is 'Agents that were imported. One whose import never came to its end is not listed, and its name is not given again.';

create table audit (
    audit_id bigint generated always as identity primary key,
    done_at timestamptz not null default now(),
    who text not null,
    action text not null,
    space text,
    agent text,
    details json not null default '{}'
);
comment on table audit is 'Who held, imported, rebuilt, dropped and erased what, and when. It is only added to; what is older than a setting is swept.';
comment on column audit.who is 'As they called themselves: the broker''s accounts say who may, not this.';
create index audit_of_agent on audit (agent, audit_id);

create function refuse_change() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' and current_setting('strato.sweeps_audit', true) = 'on' then
        return null;
    end if;
    raise exception 'strato.audit is only added to';
end
$$;
create trigger audit_is_only_added_to before update or delete or truncate on audit
    for each statement execute function refuse_change();

create function remove_audit(done_before timestamptz, at_a_time integer) returns bigint
language plpgsql security definer set search_path = strato, pg_temp as $$
declare
    removed bigint;
begin
    perform set_config('strato.sweeps_audit', 'on', true);
    delete from audit
    where audit_id in (
        select audit_id from audit
        -- What is younger than the smallest setting stays, whatever the caller asks for.
        where done_at < least(done_before, now() - interval '1 day')
        order by audit_id
        limit at_a_time
    );
    get diagnostics removed = row_count;
    perform set_config('strato.sweeps_audit', '', true);
    return removed;
end
$$;
comment on function remove_audit is 'Removes the oldest entries of the audit from before a moment, but none of the last day. It runs with the rights of the audit''s owner.';
revoke execute on function remove_audit from public;

create table erased (
    space text not null,
    agent text not null,
    through_seq bigint not null,
    log_created_at timestamptz not null,
    erased_at timestamptz not null default now(),
    primary key (space, agent)
);
comment on table erased is 'Agents that were erased: what they recorded up to a message is taken in no more, although a log that is restored has it.';
comment on column erased.log_created_at is 'The stream that the message is of; it says nothing about another one.';

create table attempt (
    stream_seq bigint primary key,
    attempts integer not null
);
comment on table attempt is 'Large messages that a projector is reading: what is left by one that died names the message that killed it.';
comment on column attempt.attempts is 'How often it was begun and neither finished nor given up.';
