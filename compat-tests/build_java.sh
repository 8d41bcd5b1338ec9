#!/bin/sh
# Builds the Java scenarios and prints their class path.
#
#   compat-tests/build_java.sh
#
# Fetches the dependencies once and then needs no network.  Does nothing when
# nothing changed.  Safe to call from several processes at a time.
set -eu

cd "$(dirname "$0")/java"
mkdir -p target
exec 9>target/.lock
flock 9

newest=target/.built
if [ ! -e "$newest" ] ||
    [ -n "$(find pom.xml src -newer "$newest" | head -n 1)" ]; then
  rm -rf target/classes target/lib
  goals="compile dependency:copy-dependencies"
  flags="-q -B -DoutputDirectory=target/lib -DincludeScope=runtime"
  # shellcheck disable=SC2086
  mvn --offline $flags $goals >target/build.log 2>&1 ||
    mvn $flags $goals >target/build.log 2>&1 || {
      cat target/build.log >&2
      exit 1
    }
  touch "$newest"
fi
echo "$PWD/target/classes:$PWD/target/lib/*"
