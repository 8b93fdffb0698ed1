-- The rights of the services' database roles: what each needs for its queries, and nothing else.

-- name: may_migrate
-- Whether this session has the rights of the owner, or would be the first.
select coalesce(
    (select pg_has_role(nspowner, 'usage') from pg_namespace where nspname = 'strato'),
    has_database_privilege(current_database(), 'create')
)

-- name: missing_roles
-- The statements that create the roles which are missing, where this session may create roles.
select format('create role %I nologin', name)
from unnest(array['stratoscope_projector', 'stratoscope_navigator']) as name
where not exists (select from pg_roles where rolname = name)
  and (select rolsuper or rolcreaterole from pg_roles where rolname = current_user)

-- name: missing_on_schema
-- The statements that grant what is missing.
select format('grant usage on schema %I to %I', $1::text, rolname)
from pg_roles
where rolname in ('stratoscope_projector', 'stratoscope_navigator')
  and not has_schema_privilege(oid, $1, 'usage')

-- name: missing_on_functions
select format('grant execute on function strato.%s to %I', signature, rolname)
from (
    values
        ('navigator', 'remove_audit(timestamptz, integer)'),
        ('projector', 'empty_dead_letters(timestamptz, integer)'),
        ('projector', 'remove_dead_letters(bigint, integer)')
) as wanted (role, signature)
join pg_roles on rolname = 'stratoscope_' || role
where not has_function_privilege(oid, 'strato.' || signature, 'execute')

-- name: missing_in_operations
with wanted (role, relation, privileges, columns) as (
    values
        ('projector', 'migration', '{select}'::text[], null::text[]),
        ('projector', 'projection', '{select}', null),
        ('projector', 'dead_letter', '{select,insert}', null),
        ('projector', 'dead_letter', '{update}', '{published_at}'),
        ('projector', 'session', '{select}',
         '{id,space,agent,state,ends_at,event_index,stream_seq,ordinal}'),
        ('projector', 'session_mark', '{select}', '{session_id,event_index,stream_seq,ordinal}'),
        ('projector', 'base', '{select,insert,update}', null),
        ('projector', 'erased', '{select}', null),
        ('projector', 'attempt', '{select,insert,update,delete}', null),
        ('projector', 'audit', '{insert}', null),
        ('navigator', 'migration', '{select}', null),
        ('navigator', 'projection', '{select}', null),
        ('navigator', 'dead_letter', '{select}', null),
        ('navigator', 'session', '{select,insert,update,delete}', null),
        ('navigator', 'session_place', '{select,insert,update}', null),
        ('navigator', 'session_mark', '{select,insert,update,delete}', null),
        ('navigator', 'session_value', '{select,insert,update}', null),
        ('navigator', 'arming', '{select,update}', null),
        ('navigator', 'breakpoint', '{select,insert,update,delete}', null),
        ('navigator', 'kept_breakpoint', '{select}', null),
        ('navigator', 'hit_count', '{select,insert,update,delete}', null),
        ('navigator', 'hit', '{select,insert,update,delete}', null),
        ('navigator', 'hold', '{select,insert,update,delete}', null),
        ('navigator', 'gate', '{select,insert,update}', null),
        ('navigator', 'watch', '{select,update}', null),
        ('navigator', 'watcher', '{select,insert,update,delete}', null),
        ('navigator', 'imported_agent', '{select,insert,update,delete}', null),
        ('navigator', 'audit', '{insert}', null)
)
select format(
    'grant %s on strato.%I to %I',
    string_agg(privilege || coalesce(' (' || array_to_string(columns, ', ') || ')', ''), ', '),
    relation, rolname
)
from wanted
join pg_roles on rolname = 'stratoscope_' || role
cross join unnest(privileges) as privilege
where not coalesce(
    (
        select bool_and(has_column_privilege(oid, 'strato.' || relation, name, privilege))
        from unnest(columns) as name
    ),
    has_table_privilege(oid, 'strato.' || relation, privilege)
)
group by rolname, relation

-- name: missing_in_projection
with wanted (role, relation, privileges, columns) as (
    values
        ('projector', 'migration', '{select}'::text[], null::text[]),
        ('projector', 'log', '{select,insert}', null),
        ('projector', 'partition', '{select,update}', null),
        ('projector', 'projector', '{select,insert,update,delete}', null),
        ('projector', 'agent', '{select,insert,update}', null),
        ('projector', 'event_type', '{select,insert}', null),
        ('projector', 'event', '{select,insert,delete}', null),
        ('projector', 'event', '{update}', '{depth}'),
        ('projector', 'event_block', '{select,insert,update,delete}', null),
        ('projector', 'edge', '{select,insert,delete}', null),
        ('projector', 'twin', '{select,insert}', null),
        ('projector', 'open_cause', '{select,insert,delete}', null),
        ('projector', 'state_version', '{select,insert,delete}', null),
        ('projector', 'path', '{select,insert}', null),
        ('projector', 'field_change', '{select,insert,delete}', null),
        ('projector', 'taint', '{select,insert,delete}', null),
        ('navigator', 'migration', '{select}', null),
        ('navigator', 'log', '{select}', null),
        ('navigator', 'partition', '{select}', null),
        ('navigator', 'agent', '{select}', null),
        ('navigator', 'agent', '{update}', '{row_lock}'),
        ('navigator', 'event_type', '{select}', null),
        ('navigator', 'event', '{select}', null),
        ('navigator', 'event_block', '{select}', null),
        ('navigator', 'edge', '{select}', null),
        ('navigator', 'twin', '{select}', null),
        ('navigator', 'open_cause', '{select}', null),
        ('navigator', 'state_version', '{select}', null),
        ('navigator', 'path', '{select}', null),
        ('navigator', 'field_change', '{select}', null),
        ('navigator', 'taint', '{select}', null)
)
select format(
    'grant %s on %I.%I to %I',
    string_agg(privilege || coalesce(' (' || array_to_string(columns, ', ') || ')', ''), ', '),
    $1::text, relation, rolname
)
from wanted
join pg_roles on rolname = 'stratoscope_' || role
cross join unnest(privileges) as privilege
where not coalesce(
    (
        select bool_and(has_column_privilege(oid, $1 || '.' || relation, name, privilege))
        from unnest(columns) as name
    ),
    has_table_privilege(oid, $1 || '.' || relation, privilege)
)
group by rolname, relation

-- name: restriction
-- The statements that let only the services' roles connect, to this database only, and leave
-- temporary tables and large objects to its owner.
select format('revoke all on database %I from public', current_database())
union all
select format(
    'grant connect on database %I to stratoscope_projector, stratoscope_navigator',
    current_database()
)
union all
select 'revoke connect on database postgres, template1 from public'
union all
select 'revoke execute on function lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea)'
       ' from public'

-- name: login
-- The statements that make a service's login, or give it another password.
select format(
    '%s role %I login password %L',
    case when exists (select from pg_roles where rolname = $1) then 'alter' else 'create' end,
    $1::text, $2::text
)
union all
select format('grant %I to %I', 'stratoscope_' || $1, $1)
