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

# Whether a server answers on $port.
serves() {
  local line
  { exec 3<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null || return 1
  printf srvr >&3
  read -r -t 5 line <&3 && [[ $line == "Zookeeper version:"* ]]
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
  if serves; then
    echo "Another server answers on 127.0.0.1:$port; stop it, or change" \
      "clientPort in $home/zoo.cfg" >&2
    exit 1
  fi
  setsid build/release/paddock "$home/zoo.cfg" </dev/null >>"$home/paddock.log" \
    2>&1 &
  local pid=$!
  echo "$pid" >"$home/paddock.pid"
  until serves; do
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
port=$(sed -n 's/^[[:space:]]*clientPort[[:space:]]*[=:[:space:]][[:space:]]*//p' \
  "$home/zoo.cfg" | tail -n 1)

if running >/dev/null; then
  echo "Paddock runs already, on 127.0.0.1:$port; its folder is $home"
else
  build
  start
  echo "Paddock serves on 127.0.0.1:$port; its folder is $home"
fi
echo "Connect:  zkCli.sh -server 127.0.0.1:$port"
echo "Stop:     kill $(running)"
