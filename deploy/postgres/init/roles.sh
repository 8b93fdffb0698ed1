#!/bin/sh
# Makes the database's roles: the owner of the schemas, and a login for projector and navigator each.
# The container runs it once, on a new volume, as the superuser POSTGRES_USER. It can be run again:
# then it gives the logins the passwords of the secrets. docs/roles.md says who may do what.
set -eu

secrets=${STRATO_SECRETS:-/run/secrets}
OWNER=${STRATO_OWNER:-stratoscope}
OWNER_PASSWORD=$(cat "$secrets/owner_password")
PROJECTOR_PASSWORD=$(cat "$secrets/projector_password")
NAVIGATOR_PASSWORD=$(cat "$secrets/navigator_password")
export OWNER OWNER_PASSWORD PROJECTOR_PASSWORD NAVIGATOR_PASSWORD

"${PSQL:-psql}" -Xq -v ON_ERROR_STOP=1 --single-transaction \
    --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --output /dev/null <<'SQL'
\getenv owner OWNER
\getenv owner_password OWNER_PASSWORD
\getenv projector_password PROJECTOR_PASSWORD
\getenv navigator_password NAVIGATOR_PASSWORD

-- The rights of the services, which `stratoscope migrate` grants.
select format('create role %I nologin', name)
from unnest(array['stratoscope_projector', 'stratoscope_navigator']) as name
where not exists (select from pg_roles where rolname = name) \gexec

select format('create role %I login', name)
from unnest(array[:'owner', 'projector', 'navigator']) as name
where not exists (select from pg_roles where rolname = name) \gexec

-- An owner that is the superuser, as of an older deployment, keeps its password.
select format('alter role %I password %L', name, password)
from (values (:'owner', :'owner_password'), ('projector', :'projector_password'),
             ('navigator', :'navigator_password')) as login (name, password)
where name <> current_user \gexec

grant stratoscope_projector to projector;
grant stratoscope_navigator to navigator;

-- The logins see this database only, and make nothing in it.
select format('alter database %I owner to %I', current_database(), :'owner') \gexec
select format('revoke all on database %I from public', current_database()) \gexec
select format('grant connect on database %I to stratoscope_projector, stratoscope_navigator',
              current_database()) \gexec
revoke connect on database postgres, template1 from public;
revoke execute on function lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea) from public;
SQL
