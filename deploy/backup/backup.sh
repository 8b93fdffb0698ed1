#!/bin/sh
# Backs up what can't be made again: what operators did, and the log. docs/backup.md says when.
#
#   backup.sh operations FOLDER           from STRATO_POSTGRES_DSN, while everything runs
#   backup.sh log FOLDER STORE            from the broker's store_dir, while the broker stands still
#
# Operations first: they refer to records, and a log that is taken later has all of them.
set -eu
umask 077

fail() {
    echo "backup: $*" >&2
    exit 1
}

usage() {
    sed -n '4,5s/^# *//p' "$0" >&2
    exit 2
}

# What the store looks like; what changes from one look to the next is still being written to.
look() {
    find "$1" -type f -printf '%P %s %T@\n' | sort
}

sum() {
    (cd "$folder" && sha256sum "$1" >"$1.sha256.new" && mv "$1.sha256.new" "$1.sha256")
}

operations() {
    : "${STRATO_POSTGRES_DSN:?names no database}"
    # Which projections there are is no business of a database that has none of them.
    "${PG_DUMP:-pg_dump}" --dbname="$STRATO_POSTGRES_DSN" --format=custom --schema=strato \
        --exclude-table-data=strato.projection --no-owner --no-privileges \
        --file="$folder/operations.dump.new" || {
        rm -f "$folder/operations.dump.new"
        fail "the database was not backed up"
    }
    mv "$folder/operations.dump.new" "$folder/operations.dump"
    sum operations.dump
}

log() {
    [ -d "$store/jetstream" ] || fail "$store is no store_dir of a broker: there is no jetstream in it"
    before=$(look "$store")
    tar -cf "$folder/log.tar.new" -C "$store" jetstream || {
        rm -f "$folder/log.tar.new"
        fail "the log was not backed up"
    }
    # Blocks are written to the disk once a second at most.
    sleep "${SETTLE_SECONDS:-2}"
    if [ "$before" != "$(look "$store")" ]; then
        rm -f "$folder/log.tar.new"
        fail "$store changes while it is read: stop the broker first"
    fi
    mv "$folder/log.tar.new" "$folder/log.tar"
    sum log.tar
}

case "${1-} $#" in
"operations 2" | "log 3") ;;
*) usage ;;
esac
what=$1 folder=$2 store=${3-}
mkdir -p "$folder"
"$what"
echo "backed up: $what, in $folder"
