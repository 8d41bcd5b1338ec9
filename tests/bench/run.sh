#!/bin/bash
# Every benchmark, one after the other: a report on standard output.
#
#   tests/bench/run.sh > report.md           about an hour
#   tests/bench/run.sh --quick > report.md   about ten minutes
#
# Builds in build/release first.  Java ZooKeeper runs beside the server: 3.9 when
# ZOOKEEPER_39_JARS names a folder with its jars, else Debian's 3.8.
set -euo pipefail
cd "$(dirname "$0")/../.."

case ${1:-} in
  "" | --quick) ;;
  *) sed -n '2,8s/^# \?//p' "$0" >&2; exit 2 ;;
esac

cmake -S . -B build/release -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null
ninja -C build/release >&2

python=python3
[[ ! -x build/venv/bin/python ]] || python=build/venv/bin/python

echo "# Benchmarks of $(git log -1 --format='%h, %cs')"
echo
echo "## Side by side with Java ZooKeeper"
echo
"$python" tests/bench/compare.py "$@"
echo
echo "## Memory and start"
echo
"$python" tests/bench/memory.py "$@"
echo
echo "## Scale, crowds, idle sessions, cores"
echo
"$python" tests/bench/scale.py "$@"
echo
echo "## Instructions for each request"
echo
echo '```'
"$python" tests/bench/budget.py
echo '```'
for layer in jute tree replica log; do
  echo
  echo "## Micro-benchmarks: $layer"
  echo
  echo '```'
  (cd build/release/tests/bench &&
    "./${layer}_bench" --benchmark_min_time=0.2 2>/dev/null)
  echo '```'
done
