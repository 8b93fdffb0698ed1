alter table projection
    add column rule_version integer not null default 1,
    add column served_at timestamptz,
    add column kept boolean not null default false;
comment on column projection.rule_version is 'The rules of intake that it was begun with.';
comment on column projection.served_at is 'When it began to answer; null while a rebuild fills it.';
comment on column projection.kept is 'It answered once, and is not to be dropped.';
update projection set served_at = created_at where serving;
