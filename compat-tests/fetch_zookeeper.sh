#!/bin/sh
# Fetches ZooKeeper and what it needs to run with Maven into DIR, and prints
# DIR: the value for ZOOKEEPER_39_JARS.  Without VERSION it is the 3.9.x of
# zookeeper-39.pom.xml.  Does nothing when the jars of this version are already
# there, so a second call works without a network.
#
# usage: fetch_zookeeper.sh DIR [VERSION]
set -eu

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
  echo "usage: $0 DIR [VERSION]" >&2
  exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
dir=$(cd "$1" && pwd)
pom=$dir/wanted.pom.xml
awk -v version="${2:-}" '
  version && zookeeper { sub(/>3\.9\.[0-9]+</, ">" version "<") }
  { zookeeper = /<artifactId>zookeeper</ ; print }
' "$here/zookeeper-39.pom.xml" >"$pom"

# The folder is complete when it holds the very pom it was made from.
if ! cmp -s "$pom" "$dir/fetched.pom.xml"; then
  rm -f "$dir"/*.jar
  mvn -q -B -f "$pom" dependency:copy-dependencies \
    -DoutputDirectory="$dir" -DexcludeArtifactIds=netty-tcnative-boringssl-static \
    >&2
  cp "$pom" "$dir/fetched.pom.xml"
fi
rm -f "$pom"
echo "$dir"
