#!/bin/sh
# Fetches ZooKeeper 3.9.x and what it needs to run with Maven into DIR, and
# prints DIR: the value for ZOOKEEPER_39_JARS.  Does nothing when the jars of
# this version are already there, so a second call works without a network.
#
# usage: fetch_zookeeper.sh DIR
set -eu

if [ $# -ne 1 ]; then
  echo "usage: $0 DIR" >&2
  exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
pom=$here/zookeeper-39.pom.xml
mkdir -p "$1"
dir=$(cd "$1" && pwd)

# The folder is complete when it holds the very pom it was made from.
if ! cmp -s "$pom" "$dir/fetched.pom.xml"; then
  rm -f "$dir"/*.jar
  mvn -q -B -f "$pom" dependency:copy-dependencies \
    -DoutputDirectory="$dir" -DexcludeArtifactIds=netty-tcnative-boringssl-static \
    >&2
  cp "$pom" "$dir/fetched.pom.xml"
fi
echo "$dir"
