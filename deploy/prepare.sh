#!/bin/sh
# Makes what docker-compose.yml names under `secrets`, in deploy/secrets: keys for all who connect, an
# authority with certificates for broker and database, and passwords. What is there already stays.
#
#   deploy/prepare.sh [NAME...]     names and addresses that clients reach the broker by, besides
#                                   localhost: broker.example.org 192.0.2.7
#
# Needs openssl and `stratoscope` with its extra [cli]; STRATOSCOPE names another command for it.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
secrets=${STRATO_SECRETS:-$here/secrets}
days=${STRATO_CERTIFICATE_DAYS:-825}
umask 077
mkdir -p "$secrets/nats"

password() {
    [ -e "$secrets/$1" ] || openssl rand -hex 24 > "$secrets/$1"
}

dsn() { # FILE LOGIN PASSWORD
    [ -e "$secrets/$1" ] || printf '%s\n' \
        "postgresql://$2:$(cat "$secrets/$3")@postgres:5432/stratoscope?sslmode=verify-full&sslrootcert=/run/secrets/ca" \
        > "$secrets/$1"
}

new_key() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "$@" 2> /dev/null
}

certificate() { # NAME, and the names that it stands for
    [ -e "$secrets/$1.pem" ] && return
    name=$1
    shift
    new_key -days "$days" -subj "/CN=$name" -addext "subjectAltName=$(listed "$@")" \
        -addext basicConstraints=critical,CA:FALSE -addext keyUsage=critical,digitalSignature \
        -addext extendedKeyUsage=serverAuth \
        -CA "$secrets/ca.pem" -CAkey "$secrets/ca.key" \
        -keyout "$secrets/$name.key" -out "$secrets/$name.pem"
}

listed() { # as a certificate has them: DNS:localhost,IP:127.0.0.1
    separator=
    for each in "$@"; do
        case $each in
            *[!0-9.]*) kind=DNS ;;
            *) kind=IP ;;
        esac
        printf '%s%s:%s' "$separator" "$kind" "$each"
        separator=,
    done
}

member() { # ROLE NAME, unless it is let in already
    [ -e "$secrets/nats/$3" ] || ${STRATOSCOPE:-stratoscope} creds "$1" "$2" --dir "$secrets/nats"
}

[ -e "$secrets/ca.pem" ] || new_key -days 3650 -subj /CN=stratoscope \
    -addext keyUsage=critical,keyCertSign,cRLSign -keyout "$secrets/ca.key" \
    -out "$secrets/ca.pem"
certificate nats nats localhost 127.0.0.1 "$@"
certificate postgres postgres localhost 127.0.0.1

password postgres_password
password owner_password
password projector_password
password navigator_password
password grafana_password
dsn strato_postgres_dsn stratoscope owner_password
dsn projector_dsn projector projector_password
dsn navigator_dsn navigator navigator_password

member projector main projector.main.nk
member navigator main navigator.main.nk
member admin main admin.main.nk
member operator ops operator.default.ops.nk
member agent demo agent.default.demo.nk
# As this version lays it out: an earlier one had the users of all accounts in one file.
${STRATOSCOPE:-stratoscope} creds rewrite --dir "$secrets/nats" > /dev/null

# The folder is its owner's alone. In a container each file stands by itself, and is read by an account
# that is nobody here.
chmod 700 "$secrets"
chmod 755 "$secrets/nats" "$secrets/nats/broker"
find "$secrets" -type f ! -name ca.key -exec chmod 444 {} +
chmod 600 "$secrets/nats/roster.json"
chmod 400 "$secrets/ca.key"
echo "$secrets is ready; ca.key signs certificates: keep it elsewhere"
