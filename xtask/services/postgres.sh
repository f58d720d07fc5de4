#!/usr/bin/env bash
# A real PostgreSQL on 127.0.0.1, for tests and for trying things out.
#
#   postgres.sh start DIR [PORT]    start the server whose files are in DIR, or find it running; without
#                                   PORT the one that DIR had, else a free one; prints a URL
#   postgres.sh stop|kill DIR       a fast shutdown, or SIGKILL for all of its processes; data is kept
#   postgres.sh restart DIR [PORT]  stop and start
#   postgres.sh pause|resume DIR    SIGSTOP, SIGCONT for all of its processes
#   postgres.sh status DIR          prints the URL if the server answers, else exit code 1
#   postgres.sh clean DIR           kill, and remove what this script has put into DIR
#   postgres.sh sql DIR TEXT [DATABASE]
#                                   run statements; prints rows as lines, columns apart by `|`
#   postgres.sh prepare             only fill the cache; with CI=true, install what is missing
#
#   --secure       with start: TLS and a password (scram-sha-256); DIR/credentials names user,
#                  password, CA file and the URL of both; a DIR stays what it was at first
#   --owner PID    with start: kill the server and remove DIR when that process is gone
#
# Started by root it runs as user `postgres`, who must be able to reach DIR.
# Exit code 3: cannot be had here.
# WHITEBEAM_SERVICES   the cache (default: target/services of the workspace)
source "$(dirname "${BASH_SOURCE[0]}")/server.sh"

settings=$(dirname "$script")/postgres/postgresql.conf
user=postgres

as_server() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
give() { if [ "$(id -u)" = 0 ]; then chown -R postgres "$@"; fi; }

# ---- the cache: a data folder as `initdb` leaves it -----------------------------------------

find_programs() {
  programs=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1) # where Debian has them
  [ -n "$programs" ] || programs=$(dirname "$(command -v initdb)" 2>/dev/null) || true
  [ -x "$programs/initdb" ] && [ -x "$programs/psql" ]
}

require_postgres() {
  find_programs || {
    [ "$command" = prepare ] && [ "${CI:-}" = true ] && install_packages postgresql && find_programs
  } || missing "there is no PostgreSQL" postgresql
  home=$cache/postgres-$({ cat "$settings"; "$programs/postgres" --version; } | cksum | cut -d' ' -f1)
}

prepare() {
  open_cache
  require_postgres
  [ -e "$home/ready" ] || (
    flock 9
    [ -e "$home/ready" ] || fill_cache 9>&-
  ) 9>"$cache/postgres.lock"
}

fill_cache() {
  say "filling $home, once"
  rm -rf "$home"
  mkdir -p "$home"
  local first
  first=$(mktemp -d /tmp/whitebeam-initdb-XXXXXX)
  echo "$secret" >"$first/password"
  give "$first"
  (cd / && as_server "$programs/initdb" -D "$first/data" -U "$user" -A trust --pwfile="$first/password" \
    --no-sync --no-instructions -E UTF8 --locale=C) >"$home/initdb.log" 2>&1 \
    || { tail -n 20 "$home/initdb.log" >&2; rm -rf "$first"; die "initdb failed"; }
  cat "$settings" >>"$first/data/postgresql.conf"
  cp -r "$first/data" "$home/data"
  rm -rf "$first"
  touch "$home/ready"
}

# ---- one server -----------------------------------------------------------------------------

pid_of() { head -n 1 "$1/data/postmaster.pid" 2>/dev/null; }

url() {  # DIR [DATABASE]
  echo "postgres://$user@127.0.0.1:$(cat "$1/port")/${2:-postgres}"
}

all_of() {  # DIR: the server and the processes it has begun
  local pid stat process
  pid=$(pid_of "$1")
  echo "$pid"
  for process in /proc/[0-9]*; do
    { read -r stat <"$process/stat"; } 2>/dev/null || continue
    stat=${stat##*) }
    set -- $stat
    [ "$2" != "$pid" ] || echo "${process#/proc/}"
  done
}

secure_data() {  # DIR: who has no password, or no TLS, is sent away
  certificates "$1"
  printf '%s\n' "user=$user" "password=$secret" "ca=$1/ca.pem" >"$1/credentials"
  printf '%s\n' "ssl = on" "ssl_cert_file = '$1/server.crt'" "ssl_key_file = '$1/server.key'" \
    >>"$1/data/postgresql.conf"
  echo "hostssl all all 127.0.0.1/32 scram-sha-256" >"$1/data/pg_hba.conf"
  chmod 600 "$1/server.key"
}

make_data() {  # DIR
  rm -rf "$1/data"
  cp -r "$home/data" "$1/data"
  chmod 700 "$1/data"
  [ $secure = no ] || secure_data "$1"
  touch "$1/log"
  # Not DIR itself and all in it: it is not ours alone.
  give "$1"/{data,log}
  [ $secure = no ] || give "$1"/server.{key,crt}
}

answers() {  # DIR
  "$programs/pg_isready" -q -h 127.0.0.1 -p "$(cat "$1/port")" -t 2
}

begin() {  # DIR PORT; exit code 2 when somebody has taken the port in between
  (cd / && as_server "$programs/pg_ctl" -D "$1/data" -l "$1/log" -o "-p $2" -w -t 60 start) \
    </dev/null >/dev/null 2>&1 && return 0
  tail -n 5 "$1/log" | grep -q 'could not create any TCP/IP sockets' && return 2
  tail -n 20 "$1/log" >&2
  return 1
}

start() {  # DIR PORT
  local dir=$1 wanted=${2:-} port try code
  prepare
  if alive "$dir" && answers "$dir"; then
    url "$dir"
    return 0
  fi
  halt_all "$dir"
  watch_owner "$dir"
  [ "$(id -u)" != 0 ] || [ "$(stat -c %a "$dir")" != 700 ] || chmod 711 "$dir"
  (cd / && as_server test -x "$dir") || die "user postgres cannot reach $dir; take one below /tmp"
  [ -e "$dir/data/PG_VERSION" ] || make_data "$dir"
  [ -n "$wanted" ] || wanted=$(cat "$dir/port" 2>/dev/null || true)
  for try in 1 2 3 4 5; do
    port=${wanted:-$(free_port)}
    code=0
    begin "$dir" "$port" || code=$?
    [ $code -ne 0 ] || { started "$dir" "$port"; return 0; }
    [ $code -eq 2 ] || break
    [ -z "$wanted" ] || die "port $port is taken"
  done
  die "the server did not come up; see $dir/log"
}

started() {  # DIR PORT
  echo "$2" >"$1/port"
  if [ -e "$1/credentials" ]; then
    sed -i '/^url=/d' "$1/credentials"
    echo "url=postgres://$user:$secret@127.0.0.1:$2/postgres?sslmode=require" >>"$1/credentials"
  fi
  url "$1"
}

stop() {  # DIR
  alive "$1" || return 0
  kill -CONT $(all_of "$1") 2>/dev/null || true
  (cd / && as_server "$programs/pg_ctl" -D "$1/data" -m fast -w -t 20 stop) >/dev/null 2>&1 || halt_all "$1"
}

freeze_all() {  # DIR; the first one before it can begin others
  freeze "$(pid_of "$1")"
  freeze $(all_of "$1")
}

halt_all() {  # DIR
  alive "$1" || { forget "$1"; return 0; }
  local all
  freeze "$(pid_of "$1")"
  all=$(all_of "$1")
  kill -KILL $all 2>/dev/null || true
  gone $all || die "the processes" $all "cannot be killed"
  forget "$1"
}

forget() {  # DIR: what SIGKILL leaves would keep the next start waiting, and shared memory for ever
  local id
  id=$(sed -n '7s/.* //p' "$1/data/postmaster.pid" 2>/dev/null) || return 0
  [ -z "$id" ] || ipcrm -m "$id" 2>/dev/null || true
  rm -f "$1/data/postmaster.pid"
}

clean() {
  halt_all "$1"
  (cd "$1" && rm -rf data port log credentials ca.pem server.key server.crt server.pem openssl.log)
  unwatch "$1"
  rmdir "$1" 2>/dev/null || true
}

sql() {  # DIR TEXT [DATABASE]
  if [ -e "$1/credentials" ]; then
    export PGPASSWORD=$secret PGSSLMODE=verify-full PGSSLROOTCERT=$1/ca.pem
  fi
  "$programs/psql" -X -q -A -t -v ON_ERROR_STOP=1 -d "$(url "$1" "${3:-postgres}")" -c "${2:?TEXT}"
}

case $command in help) usage; exit ;; esac
parse "$@"
[ "$command" = prepare ] || open_dir
case $command in
  prepare) prepare; need openssl openssl; exit ;;
  start) start "$dir" "${words[1]:-}"; exit ;;
  restart) find_programs && stop "$dir"; start "$dir" "${words[1]:-}"; exit ;;
esac
find_programs || missing "there is no PostgreSQL" postgresql
case $command in
  stop) stop "$dir" ;;
  kill) halt_all "$dir" ;;
  pause) must_run "$dir"; freeze_all "$dir" ;;
  resume) must_run "$dir"; kill -CONT $(all_of "$dir") ;;
  status) alive "$dir" && answers "$dir" && url "$dir" ;;
  clean) clean "$dir" ;;
  sql) sql "$dir" "${words[@]:1}" ;;
  *) usage >&2; exit 2 ;;
esac
