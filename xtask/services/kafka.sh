#!/usr/bin/env bash
# A real Apache Kafka of one node on 127.0.0.1, for tests and for trying things out.
#
#   kafka.sh start DIR [PORT]      start the broker whose files are in DIR, or find it running; without
#                                  PORT the one that DIR had, else a free one; prints HOST:PORT
#   kafka.sh stop|kill DIR         SIGTERM (SIGKILL after 20 s), or SIGKILL at once; data is kept
#   kafka.sh restart DIR [PORT]    stop and start
#   kafka.sh pause|resume DIR      SIGSTOP, SIGCONT
#   kafka.sh status DIR            prints HOST:PORT if the broker answers, else exit code 1
#   kafka.sh clean DIR             kill, and remove what this script has put into DIR
#   kafka.sh topic DIR list | create NAME [PARTITIONS] | delete NAME | describe NAME | read NAME
#                                  `read` prints keys and values that a read_committed reader sees
#   kafka.sh tool CLASS ARGS...    run org.apache.kafka.tools.CLASS
#   kafka.sh prepare               only fill the cache; with CI=true, install what is missing
#
#   --secure       with start: TLS and SASL (PLAIN, SCRAM-SHA-256) on PORT; DIR/credentials names user,
#                  password and CA file; a DIR stays what it was at first
#   --owner PID    with start: kill the broker and remove DIR when that process is gone
#
# Needs Java 17 or later, and Maven until the cache is filled. Exit code 3: cannot be had here.
# WHITEBEAM_SERVICES   the cache (default: target/services of the workspace)
# KAFKA_PROPERTIES     more server properties, one a line
# KAFKA_HEAP           memory of the broker (default 512m)
# KAFKA_JVM            instead of the flags for a quick start; for benchmarks, "-XX:+UseG1GC"
source "$(dirname "${BASH_SOURCE[0]}")/server.sh"

setup=$(dirname "$script")/kafka
quick=(-XX:+UseSerialGC -XX:TieredStopAtLevel=1)
user=whitebeam

# ---- the cache: jars, a formatted data folder, a class archive ------------------------------

java_package() {
  local package=openjdk-17-jre-headless
  apt-cache show $package >/dev/null 2>&1 || package=default-jre-headless
  echo $package
}

require_java() {
  local version
  command -v java >/dev/null || need java "$(java_package)" maven
  version=$(java -version 2>&1) || missing "\`java\` does not run" "$(java_package)"
  [[ $version =~ version\ \"([0-9]+) ]] && [ "${BASH_REMATCH[1]}" -ge 17 ] \
    || missing "\`java\` is older than 17" "$(java_package)"
  # Another Java, another archive; other jars or properties, another folder.
  home=$cache/kafka-$({ cat "$setup/pom.xml" "$setup/server.properties"; echo "$version"; } | cksum | cut -d' ' -f1)
}

classpath() { local IFS=:; set -- "$home"/jars/*.jar; echo "$*"; }

run_java() { java "${quick[@]}" -cp "$(classpath)" -Dlog4j2.configurationFile="$setup/log4j2.properties" "$@"; }

prepare() {
  open_cache
  require_java
  [ -e "$home/ready" ] || (
    flock 9
    [ -e "$home/ready" ] || fill_cache 9>&-
  ) 9>"$cache/kafka.lock"
}

fill_cache() {
  need mvn maven
  say "filling $home, once"
  rm -rf "$home"
  mkdir -p "$home/first"
  mvn -B -q -f "$setup/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$home/jars" >"$home/mvn.log" 2>&1 \
    || { tail -n 20 "$home/mvn.log" >&2; unavailable "Maven could not fetch Kafka's jars, see $home/mvn.log; try again with \`cargo xtask services prepare\`"; }
  local first=$home/first port
  port=$(free_port)
  properties "$first" "$port" >"$first/server.properties"
  # The controller is named in the properties, so the folder holds no port and fits any broker.
  run_java kafka.tools.StorageTool format -t MkU3OEVBNTcwNTJENDM2Qg -c "$first/server.properties" \
    --add-scram "SCRAM-SHA-256=[name=$user,password=$secret]" >"$home/format.log" 2>&1 \
    || { tail -n 20 "$home/format.log" >&2; die "the data folder could not be formatted"; }
  cp -r "$first/data" "$home/formatted"
  watch_owner "$first"
  launch "$first" "${quick[@]}" -XX:ArchiveClassesAtExit="$home/classes.jsa"
  await "$first" "$port" && halt TERM "$first" || say "no class archive: starts will be slow"
  halt KILL "$first"
  unwatch "$first"
  rm -rf "$first"
  touch "$home/ready"
}

# ---- one broker -----------------------------------------------------------------------------

properties() {  # DIR PORT
  local client=$2 controller=$(($2 + 1)) inside=$(($2 + 2)) host=127.0.0.1
  cat "$setup/server.properties"
  echo "log.dirs=$1/data"
  echo "controller.quorum.voters=1@$host:$controller"
  if [ -e "$1/credentials" ]; then
    echo "listeners=CLIENT://$host:$client,CONTROLLER://$host:$controller,INSIDE://$host:$inside"
    echo "advertised.listeners=CLIENT://$host:$client,INSIDE://$host:$inside"
    echo "listener.security.protocol.map=CLIENT:SASL_SSL,CONTROLLER:PLAINTEXT,INSIDE:PLAINTEXT"
    echo "inter.broker.listener.name=INSIDE"
    echo "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256"
    local modules=org.apache.kafka.common.security listener=listener.name.client
    echo "$listener.plain.sasl.jaas.config=$modules.plain.PlainLoginModule required user_$user=\"$secret\";"
    echo "$listener.scram-sha-256.sasl.jaas.config=$modules.scram.ScramLoginModule required;"
    echo "$listener.ssl.keystore.type=PEM"
    echo "$listener.ssl.keystore.location=$1/server.pem"
  else
    echo "listeners=CLIENT://$host:$client,CONTROLLER://$host:$controller"
    echo "advertised.listeners=CLIENT://$host:$client"
    echo "listener.security.protocol.map=CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT"
    echo "inter.broker.listener.name=CLIENT"
  fi
  printf '%s\n' "${KAFKA_PROPERTIES:-}"
}

credentials() {  # DIR: what clients of a secure broker need, for people and for Kafka's own tools
  certificates "$1"
  printf '%s\n' "user=$user" "password=$secret" "ca=$1/ca.pem" >"$1/credentials"
  printf '%s\n' security.protocol=SASL_SSL sasl.mechanism=SCRAM-SHA-256 ssl.truststore.type=PEM \
    "ssl.truststore.location=$1/ca.pem" \
    "sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username=\"$user\" password=\"$secret\";" \
    >"$1/client.properties"
}

pid_of() { cat "$1/broker.pid" 2>/dev/null; }

launch() {  # DIR FLAG...; the broker keeps none of our files open, or a caller's pipe would not end
  local dir=$1; shift
  [ ! -e "$dir/broker.log" ] || mv "$dir/broker.log" "$dir/broker.log.old"
  setsid java -Xmx"${KAFKA_HEAP:-512m}" "$@" -cp "$(classpath)" \
    -Dlog4j2.configurationFile="$setup/log4j2.properties" kafka.Kafka "$dir/server.properties" \
    </dev/null >"$dir/broker.log" 2>&1 &
  echo $! >"$dir/broker.pid"
  disown
}

answers() {  # PORT; a request for metadata of no topic (version 1): our id comes back, and one broker
  local bytes
  bytes=$({ exec 3<>"/dev/tcp/127.0.0.1/$1" &&
    printf '\0\0\0\016\0\003\0\001\0\0\0\007\377\377\0\0\0\0' >&3 &&
    timeout 2 head -c 12 <&3 | od -An -tu1 | tr -s ' \n' ' '; } 2>/dev/null) || return 1
  [[ $bytes == *' 0 0 0 7 0 0 0 1 ' ]]
}

answering() {  # DIR PORT; without TLS, where there is a port without
  local port=$2
  [ ! -e "$1/credentials" ] || port=$(($2 + 2))
  answers "$port"
}

# Its log as well, for another broker may be answering on that port. Not `alive`: a process that was
# begun a moment ago may still bear our own name.
await() {  # DIR PORT
  local i
  for ((i = 0; i < 1200; i++)); do
    runs "$(pid_of "$1")" || return 1
    grep -qs 'Kafka Server started' "$1/broker.log" && answering "$1" "$2" && return 0
    sleep 0.05
  done
  return 1
}

halt() {  # SIGNAL DIR
  local pid
  if alive "$2"; then
    pid=$(pid_of "$2")
    kill -"$1" "$pid" 2>/dev/null || true
    kill -CONT "$pid" 2>/dev/null || true
    if ! gone "$pid"; then
      say "$pid does not end: SIGKILL"
      kill -KILL "$pid" 2>/dev/null || true
      gone "$pid" || die "$pid cannot be killed"
    fi
  fi
  rm -f "$2/broker.pid"
}

begin() {  # DIR PORT; exit code 2 when somebody has taken the port in between
  local flags=("${quick[@]}") archive=$home/classes.jsa
  [ -z "${KAFKA_JVM:-}" ] || read -ra flags <<<"$KAFKA_JVM"
  # With other flags than ours Java takes of the archive what it can.
  [ ! -e "$archive" ] || flags+=(-XX:SharedArchiveFile="$archive" -Xshare:auto -Xlog:cds=off -Xlog:cds+dynamic=off)
  properties "$1" "$2" >"$1/server.properties"
  launch "$1" "${flags[@]}"
  await "$1" "$2" && return 0
  halt KILL "$1"
  tail -n 40 "$1/broker.log" | grep -q 'already in use' && return 2
  tail -n 20 "$1/broker.log" >&2
  return 1
}

start() {  # DIR PORT
  local dir=$1 wanted=${2:-} port try code
  if alive "$dir" && port=$(cat "$dir/port") && await "$dir" "$port"; then
    echo "127.0.0.1:$port"
    return 0
  fi
  halt KILL "$dir"
  prepare
  watch_owner "$dir"
  if [ ! -e "$dir/data/meta.properties" ]; then
    rm -rf "$dir/data"
    [ $secure = no ] || credentials "$dir"
    cp -r "$home/formatted" "$dir/data"
  fi
  [ -n "$wanted" ] || wanted=$(cat "$dir/port" 2>/dev/null || true)
  for try in 1 2 3 4 5; do
    port=${wanted:-$(free_port)}
    code=0
    begin "$dir" "$port" || code=$?
    [ $code -ne 0 ] || { echo "$port" >"$dir/port"; echo "127.0.0.1:$port"; return 0; }
    [ $code -eq 2 ] || break
    [ -z "$wanted" ] || die "port $port, or one of the two after it, is taken"
  done
  die "the broker did not come up; see $dir/broker.log"
}

clean() {
  halt KILL "$1"
  (cd "$1" && rm -rf data port server.properties broker.log broker.log.old \
    credentials client.properties ca.pem server.key server.crt server.pem openssl.log)
  unwatch "$1"
  rmdir "$1" 2>/dev/null || true
}

# ---- topics ---------------------------------------------------------------------------------

topic() {  # DIR ACTION [NAME [PARTITIONS]]
  local address action=${2:-} tool=TopicCommand arguments
  alive "$1" && answering "$1" "$(cat "$1/port")" || die "no broker answers in $1"
  address=127.0.0.1:$(cat "$1/port")
  case $action in
    list) arguments=(--list --exclude-internal) ;;
    create) arguments=(--create --topic "${3:?NAME}" --partitions "${4:-1}") ;;
    delete | describe) arguments=("--$action" --topic "${3:?NAME}") ;;
    read)
      tool=consumer.ConsoleConsumer
      arguments=(--topic "${3:?NAME}" --from-beginning --isolation-level read_committed --timeout-ms 3000
        --formatter-property print.key=true) ;;
    *) usage >&2; exit 2 ;;
  esac
  [ ! -e "$1/client.properties" ] || arguments+=(--command-config "$1/client.properties")
  prepare
  run_java -Dwhitebeam.log=off "org.apache.kafka.tools.$tool" --bootstrap-server "$address" "${arguments[@]}"
}

case $command in
  tool)
    prepare
    class=${1:?CLASS}
    shift
    run_java -Dwhitebeam.log=warn "org.apache.kafka.tools.$class" "$@"
    exit ;;
  help) usage; exit ;;
esac
parse "$@"
[ "$command" = prepare ] || open_dir
case $command in
  prepare) prepare; need openssl openssl ;;
  start) start "$dir" "${words[1]:-}" ;;
  stop) halt TERM "$dir" ;;
  kill) halt KILL "$dir" ;;
  restart) halt TERM "$dir"; start "$dir" "${words[1]:-}" ;;
  pause) must_run "$dir"; freeze "$(pid_of "$dir")" ;;
  resume) must_run "$dir"; kill -CONT "$(pid_of "$dir")" ;;
  status) alive "$dir" && answering "$dir" "$(cat "$dir/port")" && echo "127.0.0.1:$(cat "$dir/port")" ;;
  clean) clean "$dir" ;;
  topic) topic "$dir" "${words[@]:1}" ;;
  *) usage >&2; exit 2 ;;
esac
