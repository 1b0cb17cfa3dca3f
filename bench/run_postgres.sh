#!/usr/bin/env bash
# Measures marketdb on a PostgreSQL server of its own and prints what was wanted and what was found.
#   bench/run_postgres.sh [--only WORK] [--rounds N] [--rows N] [--latest-rows N]
# Wants scripts/install_deps.sh build bench, and 15 GB in $TMPDIR for `latest` on all its 20,000,000 rows.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)

cmake --preset release -S "$root" >/dev/null
cmake --build "$root/build/release" --target bench_postgres_bench bench_libpqxx_peer

programs=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -1)
[[ -n $programs ]] && PATH=$programs:$PATH
as_server_user=()
[[ $(id -u) -eq 0 ]] && as_server_user=(runuser -u postgres --)

folder=$(mktemp -d "${TMPDIR:-/tmp}/marketdb-bench-XXXXXX")
[[ $(id -u) -eq 0 ]] && chown postgres "$folder"
chmod 755 "$folder"
end() {
    (cd / && "${as_server_user[@]}" pg_ctl -D "$folder/data" -m immediate -w stop >/dev/null 2>&1) || true
    rm -rf "$folder"
}
trap end EXIT

cd "$folder"
"${as_server_user[@]}" initdb -D data -U postgres -A trust -E UTF8 --locale=C >/dev/null
# fsync, full pages and synchronous commits are on, as a server comes. Memory and log are those of a small real one.
settings=(
    -c listen_addresses= -c unix_socket_directories="$folder" -c shared_buffers=1GB -c max_wal_size=8GB
    -c checkpoint_timeout=30min -c autovacuum=off -c max_locks_per_transaction=256
)
"${as_server_user[@]}" pg_ctl -D data -l log -w start -o "${settings[*]}" >/dev/null
"${as_server_user[@]}" createdb -h "$folder" bench

python=python3
python3 -c 'import asyncpg' 2>/dev/null || python=/usr/bin/python3
echo "server   $("${as_server_user[@]}" postgres --version), ${settings[*]}"
echo "load     $(uptime | sed 's/.*load average/load average/')"
"$root/build/release/bin/bench_postgres_bench" --url "postgresql:///bench?host=$folder&user=postgres" --folder "$folder" \
    --asyncpg "$python $root/bench/compare/asyncpg_peer.py" --libpqxx "$root/build/release/bin/bench_libpqxx_peer" \
    --existing "$root/tests/fixtures/existing/complete.sql" "$@"
