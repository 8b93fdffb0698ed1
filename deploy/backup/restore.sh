#!/bin/sh
# Brings back what backup.sh has kept, to where nothing is yet: nothing is ever written over.
#
#   restore.sh operations FOLDER          into STRATO_POSTGRES_DSN, before any service is started
#   restore.sh log FOLDER STORE           into the broker's store_dir, before the broker is started
#
# Run `stratoscope migrate` next, which grants the services' roles their rights. The projection is made
# from the log by the first projector that starts.
set -eu
umask 077

fail() {
    echo "restore: $*" >&2
    exit 1
}

usage() {
    sed -n '4,5s/^# *//p' "$0" >&2
    exit 2
}

check() {
    [ -f "$folder/$1" ] || fail "there is no $folder/$1"
    (cd "$folder" && sha256sum --check --status "$1.sha256") ||
        fail "$folder/$1 is not what was backed up"
}

operations() {
    : "${STRATO_POSTGRES_DSN:?names no database}"
    check operations.dump
    there=$("${PSQL:-psql}" --dbname="$STRATO_POSTGRES_DSN" -XqAtc \
        "select count(*) from pg_namespace where nspname ~ '^strato(_p[0-9]+)?$'") ||
        fail "the database does not answer"
    [ "$there" = 0 ] || fail "there is a schema of ours in the database: take an empty one"
    # All of it, or nothing.
    "${PG_RESTORE:-pg_restore}" --dbname="$STRATO_POSTGRES_DSN" --no-owner --no-privileges \
        --exit-on-error --single-transaction "$folder/operations.dump" ||
        fail "the database was not restored, and is as it was"
}

log() {
    check log.tar
    mkdir -p "$store"
    [ -z "$(ls -A "$store")" ] || fail "$store is not empty"
    tar -xf "$folder/log.tar" -C "$store" || fail "the log was not restored: empty $store"
}

case "${1-} $#" in
"operations 2" | "log 3") ;;
*) usage ;;
esac
what=$1 folder=$2 store=${3-}
"$what"
echo "restored: $what, from $folder"
