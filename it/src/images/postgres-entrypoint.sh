#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Starts PostgreSQL in its container as the official image does, as far as tests
# need it: an empty PGDATA becomes a cluster with POSTGRES_USER, POSTGRES_PASSWORD
# and POSTGRES_DB, and runs what is in /docker-entrypoint-initdb.d. A server that
# nobody else reaches does so first, so that a new cluster has "ready to accept
# connections" twice in its log, and a later start once.
set -eu

case ${1:-} in
'' | -*) set -- postgres "$@" ;;
postgres) ;;
*) exec "$@" ;;
esac

user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}

if [ "$(id -u)" = 0 ]; then
	mkdir -p "$PGDATA" /var/run/postgresql
	chmod 700 "$PGDATA"
	chmod 2775 /var/run/postgresql
	chown -R postgres: "$PGDATA" /var/run/postgresql
	exec setpriv --reuid=postgres --regid=postgres --clear-groups -- "$0" "$@"
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
	if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "${POSTGRES_HOST_AUTH_METHOD:-}" != trust ]; then
		echo "POSTGRES_PASSWORD is not set: set it, or POSTGRES_HOST_AUTH_METHOD=trust" >&2
		exit 1
	fi
	# shellcheck disable=SC2086 # a list of words
	initdb --username="$user" --pwfile=<(printf '%s\n' "${POSTGRES_PASSWORD:-}") ${POSTGRES_INITDB_ARGS:-}
	echo "host all all all ${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >> "$PGDATA/pg_hba.conf"

	options=("${@:2}" -c listen_addresses=)
	pg_ctl --pgdata="$PGDATA" --wait --timeout=300 --options="$(printf '%q ' "${options[@]}")" start
	sql=(psql --set=ON_ERROR_STOP=1 --no-password --no-psqlrc --username="$user")
	export PGPASSWORD=${POSTGRES_PASSWORD:-}
	[ "$database" = postgres ] || "${sql[@]}" --dbname=postgres --set=name="$database" <<< 'CREATE DATABASE :"name";'
	for file in /docker-entrypoint-initdb.d/*; do
		case $file in
		*.sh) bash "$file" ;;
		*.sql) "${sql[@]}" --dbname="$database" --file="$file" ;;
		esac
	done
	unset PGPASSWORD
	pg_ctl --pgdata="$PGDATA" --wait --timeout=300 --mode=fast stop
	echo "PostgreSQL init process complete; ready for start up."
fi
exec "$@"
