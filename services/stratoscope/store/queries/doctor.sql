-- What is asked of a database that may not be well. Nothing is changed.

-- name: server
select current_setting('server_version_num')::integer as number,
       current_setting('server_version') as version,
       current_setting('fsync') as fsync,
       current_setting('full_page_writes') as full_page_writes,
       current_setting('synchronous_commit') as synchronous_commit,
       has_database_privilege(current_database(), 'create') as may_create,
       array(
           select service
           from unnest(array['projector', 'navigator']) as service
           join pg_roles on rolname = 'stratoscope_' || service
           where pg_has_role(oid, 'member')
       ) as services

-- name: privileged
-- Services whose sessions may do more than a service needs, with their roles.
select distinct split_part(application_name, ' ', 2) as service, rolname as role
from pg_stat_activity as session
join pg_roles on pg_roles.oid = session.usesysid
where session.datname = current_database()
  and application_name ~ '^stratoscope (projector|navigator)'
  and (rolsuper or has_database_privilege(pg_roles.oid, current_database(), 'create'))
order by 1, 2

-- name: clock
select clock_timestamp()

-- name: folder
-- Null where this role may not know.
select setting from pg_settings where name = 'data_directory'

-- name: size
select pg_database_size(current_database())

-- name: is_there
select to_regclass($1) is not null

-- name: served
select schema_name, rule_version from strato.projection where serving

-- name: partitions
select partition, stream_seq, is_free(holding) as free from partition as holding order by partition

-- name: checkpoints
select partition, epoch, stream_seq, probe_seq, probe_digest from partition order by partition

-- name: projectors
select count(*) from projector where alive_until >= now() and not is_gone(pid, since)

-- name: unwatched
select count(*) from strato.watch
where owner is null or lease_until < now() or is_gone(owner_pid, owner_since)

-- name: log
select created_at from log where stream = $1

-- name: dead_letters
select count(*) filter (where recorded_at > now() - interval '1 day') as lately,
       count(*) filter (where published_at is null and recorded_at < now() - interval '1 minute')
           as unpublished
from strato.dead_letter
