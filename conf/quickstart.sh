#!/bin/bash
# Builds Paddock and starts a standalone server on 127.0.0.1:2181.
#
#   conf/quickstart.sh
#
# Its configuration, data, log and pid file are in the folder $PADDOCK_HOME,
# ~/.paddock if that is not set.  The configuration is written there on the
# first call, with the port $PADDOCK_PORT (2181), and is yours from then on.
# A later call builds only what has changed and starts the server if need be.
set -euo pipefail
cd "$(dirname "$0")/.."
source conf/packages.sh

home=${PADDOCK_HOME:-${HOME:?set HOME or PADDOCK_HOME}/.paddock}
mkdir -p "$home"
home=$(cd "$home" && pwd)

# The server's pid, if it runs.
running() {
  local pid
  pid=$(cat "$home/paddock.pid" 2>/dev/null) &&
    [[ $(readlink "/proc/$pid/exe") == */paddock* ]] && echo "$pid"
}

# Where the server that was started last serves, as its log says from byte $1
# on; nothing when it does not say it there.
address() {
  if [[ $(sed -n 's/^[[:space:]]*log\.level[[:space:]=:]*//p' "$home/zoo.cfg") \
    == @(warning|error|off)* ]]; then
    echo "the address in $home/zoo.cfg"
    return
  fi
  tail -c "+$((${1:-0} + 1))" "$home/paddock.log" |
    sed -n 's/.* serving clients on //p' | tail -n 1 |
    sed 's/^\(0\.0\.0\.0\|\[::\]\):/127.0.0.1:/'
}

build() {
  # shellcheck disable=SC2086
  install_packages $build_packages
  [[ -e build/release/build.ninja ]] ||
    cmake -S . -B build/release -G Ninja -DCMAKE_BUILD_TYPE=Release \
      -DPADDOCK_TESTS=OFF >/dev/null
  ninja -C build/release paddock
}

start() {
  touch "$home/paddock.log"
  local log_bytes
  log_bytes=$(stat -c %s "$home/paddock.log")
  setsid build/release/paddock "$home/zoo.cfg" </dev/null >>"$home/paddock.log" \
    2>&1 &
  local pid=$!
  echo "$pid" >"$home/paddock.pid"
  until [[ -n $(address "$log_bytes") ]]; do
    if ! kill -0 "$pid" 2>/dev/null; then
      echo "Paddock did not start.  The end of $home/paddock.log:" >&2
      tail -n 3 "$home/paddock.log" >&2
      exit 1
    fi
    sleep 0.05
  done
}

if [[ ! -e $home/zoo.cfg ]]; then
  cat >"$home/zoo.cfg" <<END
# Every key is described in conf/zoo.cfg of Paddock's source.
dataDir=$home/data
clientPort=${PADDOCK_PORT:-2181}
clientPortAddress=127.0.0.1
END
fi
if running >/dev/null; then
  echo "Paddock runs already, on $(address); its folder is $home"
else
  build
  start
  echo "Paddock serves on $(address); its folder is $home"
fi
echo "Connect:  zkCli.sh -server $(address)"
echo "Stop:     kill $(running)"
