# What `kafka.sh` and `postgres.sh` have in common; sourced by them, never run.
#
# Owns: what is missing on this machine, the life of one server process in one folder, ports,
# certificates. Knows neither Kafka nor PostgreSQL: `pid_of DIR` and `clean` are theirs.
# Linux only: processes are looked up in /proc.
set -euo pipefail

name=$(basename "$0")
script=$(cd "$(dirname "$0")" && pwd)/$name
cache=${WHITEBEAM_SERVICES:-$(dirname "$script")/../../target/services}

say() { printf '%s: %s\n' "$name" "$*" >&2; }
die() { say "$*"; exit 1; }
# Exit code 3 is for tests: the server cannot be had on this machine, and the last line says why.
unavailable() { say "$*"; exit 3; }

open_cache() { mkdir -p "$cache"; cache=$(cd "$cache" && pwd); }

# ---- what is missing ------------------------------------------------------------------------

need() {  # COMMAND PACKAGE...
  local wanted=$1; shift
  command -v "$wanted" >/dev/null && return 0
  if [ "$command" = prepare ] && [ "${CI:-}" = true ] && install_packages "$@"; then
    hash -r
    command -v "$wanted" >/dev/null && return 0
  fi
  missing "there is no \`$wanted\`" "$@"
}

missing() {  # WHAT PACKAGE...
  local what=$1; shift
  unavailable "$what; install it with \`apt-get install $*\`"
}

install_packages() {
  command -v apt-get >/dev/null || return 1
  local run=(env DEBIAN_FRONTEND=noninteractive apt-get -y --no-install-recommends)
  [ "$(id -u)" = 0 ] || run=(sudo -n "${run[@]}")
  say "installing $*"
  "${run[@]}" install "$@" >&2 && return 0
  "${run[@]}" update >&2 && "${run[@]}" install "$@" >&2
}

# ---- one process ----------------------------------------------------------------------------

runs() {  # PID; a zombie that nobody waits for does not run
  local stat
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  case ${stat##*) } in Z* | X*) return 1 ;; esac
}

# Returns when none of their threads takes another step.
freeze() {  # PID...
  local i pid task stat
  kill -STOP "$@" 2>/dev/null || true
  for ((i = 0; i < 400; i++)); do
    for pid in "$@"; do
      for task in "/proc/$pid/task/"*; do
        { read -r stat <"$task/stat"; } 2>/dev/null || continue
        case ${stat##*) } in T* | Z* | X*) ;; *) sleep 0.02; continue 3 ;; esac
      done
    done
    return 0
  done
  die "$* cannot be paused"
}

alive() {  # DIR; somebody else who got the same id is not our server
  local pid
  pid=$(pid_of "$1") && [ -n "$pid" ] && runs "$pid" || return 1
  tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "$1/"
}

must_run() { alive "$1" || die "nothing runs in $1"; }

gone() {  # PID...: waits until none of them runs
  local i pid
  for ((i = 0; i < 400; i++)); do
    for pid in "$@"; do runs "$pid" && { sleep 0.05; continue 2; }; done
    return 0
  done
  return 1
}

# When process $owner is gone, the server goes too, and DIR with it. Begun before the server, so
# that nothing outlives a test that is killed while it waits; a session of its own outlives Ctrl-C.
watch_owner() {  # DIR
  [ -n "$owner" ] && ! runs "$(cat "$1/watch.pid" 2>/dev/null || echo none)" || return 0
  setsid bash -c 'tail --pid="$1" -f /dev/null; exec bash "$2" clean "$3"' - "$owner" "$script" "$1" \
    </dev/null >/dev/null 2>&1 &
  echo $! >"$1/watch.pid"
  disown
}

unwatch() {  # DIR; the watch itself calls this as well
  local pid
  pid=$(cat "$1/watch.pid" 2>/dev/null) || return 0
  rm -f "$1/watch.pid"
  [ "$pid" = $$ ] || kill -- "-$pid" 2>/dev/null || true
}

# ---- ports ----------------------------------------------------------------------------------

taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_port() {  # two more follow it; below the range that Linux gives to clients
  local port
  while :; do
    port=$((20000 + (RANDOM % 3000) * 4))
    taken $port || taken $((port + 1)) || taken $((port + 2)) || { echo $port; return; }
  done
}

# ---- a server that asks who you are ---------------------------------------------------------

# Fixed, because they guard nothing but a server on the loopback of one test.
secret=never-print-7391

certificates() {  # DIR: ca.pem for clients, server.pem (key and certificate) for the server
  [ -e "$1/server.pem" ] && return 0
  need openssl openssl
  local new=(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650)
  (
    cd "$1"
    "${new[@]}" -subj "/CN=whitebeam test authority" -keyout ca.key -out ca.pem \
      -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
    "${new[@]}" -subj "/CN=localhost" -keyout server.key -out server.crt -CA ca.pem -CAkey ca.key \
      -addext basicConstraints=critical,CA:FALSE -addext subjectAltName=DNS:localhost,IP:127.0.0.1
    rm ca.key
    cat server.key server.crt >server.pem
  ) >"$1/openssl.log" 2>&1 || { tail -n 5 "$1/openssl.log" >&2; die "openssl made no certificate"; }
}

# ---- the command line -----------------------------------------------------------------------

usage() { sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$script"; }

# Options may stand anywhere: `--secure`, `--owner PID`. The rest is left in `words`.
secure=no owner='' words=() command=${1:-help}
[ $# -eq 0 ] || shift
parse() {
  while [ $# -gt 0 ]; do
    case $1 in
      --secure) secure=yes ;;
      --owner) owner=${2:?PID}; shift ;;
      *) words+=("$1") ;;
    esac
    shift
  done
}

# The folder of a command, absolute in `dir`; only `start` and `restart` make it.
open_dir() {
  dir=${words[0]:-}
  [ -n "$dir" ] || { usage >&2; exit 2; }
  case $command in start | restart) mkdir -p "$dir" ;; esac
  if [ ! -d "$dir" ]; then
    case $command in
      stop | kill | clean) exit 0 ;;
      status) exit 1 ;;
      *) die "there is no folder $dir" ;;
    esac
  fi
  dir=$(cd "$dir" && pwd)
}
