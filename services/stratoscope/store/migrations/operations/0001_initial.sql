-- What operators do, and verdicts that outlive a projection. It is not in the log: it is backed
-- up, and refers to records by natural keys only (space, agent name, place, id).

create table projection (
    schema_name text primary key,
    serving boolean not null,
    created_at timestamptz not null default now()
);
comment on table projection is 'The projections there are; the serving one answers.';
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
    published_at timestamptz
);
comment on table dead_letter is 'Messages that could not be taken, as they came. The verdict is kept: a rebuild repeats it.';
create index dead_letter_of_agent on dead_letter (space, agent, stream_seq);
create index dead_letter_unpublished on dead_letter (stream_seq) where published_at is null;

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
    metadata json not null default '{}',
    event_index bigint not null,
    stream_seq bigint,
    ordinal integer,
    clock timestamptz,
    navigation_steps bigint not null default 0,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    started_at timestamptz,
    ended_at timestamptz
);
comment on table session is 'An operator''s place in a timeline.';
create index session_of_agent on session (space, agent, created_at);

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
