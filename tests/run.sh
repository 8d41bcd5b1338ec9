#!/bin/bash
# Builds and runs every test of the project; see `tests/run.sh --help`.
set -euo pipefail
cd "$(dirname "$0")/.."
source conf/packages.sh

usage="usage: tests/run.sh           every test, as .ci/run does
       tests/run.sh --fast    unit tests and a few clients, for daily work
       tests/run.sh --full    every test at its full length
       tests/run.sh NAME      the tests whose name contains NAME

Installs what the tests need, as root or with sudo.  The last line is
'N passed, N failed', with ', N skipped' where tests were skipped."

test_packages="$build_packages libgtest-dev libgmock-dev libbenchmark-dev
  python3-venv valgrind"
compat_packages="clang-14 libclang-rt-14-dev zookeeper libzookeeper-mt-dev
  default-jdk-headless maven"

mode=default
name=
case ${1:-} in
  --fast) mode=fast ;;
  --full) mode=full ;;
  -h | --help) echo "$usage"; exit 0 ;;
  -*) echo "$usage" >&2; exit 2 ;;
  ?*) mode=name name=$1 ;;
esac
fast_compat="test_command_line.py test_kazoo.py test_sessions.py"
fuzz_seconds=20
sim_seconds=30
test_seconds_max=600
if [[ $mode == full ]]; then
  fuzz_seconds=300
  sim_seconds=1200
  test_seconds_max=3600
  export PADDOCK_TEST_FULL=1
else
  # The same requests each time; the full run draws its own and names them.
  export PADDOCK_TEST_SEED=${PADDOCK_TEST_SEED:-1}
fi

results=$PWD/build/test-results
rm -rf "$results"
mkdir -p "$results"
jobs=$(nproc)

# stage TITLE COMMAND...: runs it, shows its time, and records a failure of
# the command itself; the tests in it write their own results.
stage() {
  local title=$1 start=$SECONDS status=0
  shift
  echo "== $title"
  "$@" || status=$?
  ((status == 0)) || record "$title" failed
  echo "== $title: $((SECONDS - start)) s"
  return "$status"
}

# record TITLE passed|failed: a result of something that writes none.
record() {
  local file=$results/${1//[^A-Za-z0-9]/_}.xml
  local failure=
  [[ $2 == failed ]] && failure='<failure/>'
  echo "<testsuite><testcase classname='run.sh' name='$1'>$failure</testcase></testsuite>" >"$file"
}

# Commands of a stage are joined by &&, for Bash does not end a function at the
# first failure while its caller looks at its status.

prepare() {
  # shellcheck disable=SC2086
  install_packages $test_packages || return
  if [[ $mode != fast ]]; then
    # shellcheck disable=SC2086
    install_packages $compat_packages || return
  fi
  local wanted=compat-tests/requirements.txt have=build/venv/installed.txt
  cmp -s "$wanted" "$have" ||
    { python3 -m venv build/venv &&
      build/venv/bin/pip -q install -r "$wanted" && cp "$wanted" "$have"; }
}

fetch_java() {
  [[ -z ${ZOOKEEPER_39_JARS:-} ]] || return 0  # They are somewhere already
  ZOOKEEPER_39_JARS=$(compat-tests/fetch_zookeeper.sh build/zookeeper-39) ||
    echo "ZooKeeper 3.9 cannot be fetched; its tests are skipped"
  export ZOOKEEPER_39_JARS
}

# Of each older release the last version, for what they leave on disk.
fetch_old_java() {
  [[ -z ${ZOOKEEPER_OLD_JARS:-} ]] || return 0
  local version
  export ZOOKEEPER_OLD_JARS=$PWD/build/zookeeper-old
  for version in 3.4.14 3.5.10 3.6.4 3.7.2; do
    compat-tests/fetch_zookeeper.sh \
      "$ZOOKEEPER_OLD_JARS/${version%.*}" "$version" >/dev/null ||
      echo "ZooKeeper $version cannot be fetched; its tests are skipped"
  done
}

# build FOLDER [CMAKE FLAG...] [-- TARGET...]
build() {
  local folder=build/$1 flags=()
  shift
  while (($#)) && [[ $1 != -- ]]; do
    flags+=("$1")
    shift
  done
  shift || true
  cmake -S . -B "$folder" -G Ninja -DPADDOCK_TESTS=ON "${flags[@]}" >/dev/null &&
    ninja -C "$folder" -j "$jobs" "$@" | tail -n 20
}

# unit_tests FOLDER [CTEST FLAG...]: a failed test is in the results already.
unit_tests() {
  local folder=$1
  shift
  ctest --test-dir "build/$folder" -j "$jobs" --timeout "$test_seconds_max" \
    --output-on-failure --output-junit "$results/$folder.xml" "$@" |
    grep -v ' Passed \| Start ' || true
  [[ -s $results/$folder.xml || $mode == name ]]
}

release() {
  build release -DCMAKE_BUILD_TYPE=Release && unit_tests release "$@"
}

# At the length of the default run: a sanitizer finds no more in a longer one.
brief() {
  (unset PADDOCK_TEST_FULL && "$@")
}

# Half of the time of a sanitized build goes into headers.
joined=-DCMAKE_UNITY_BUILD=ON

# With clang, for the fuzzers need it and a second build would take as long.
sanitized() {
  build asan -DCMAKE_CXX_COMPILER=clang++-14 -DCMAKE_BUILD_TYPE=Debug \
    -DCMAKE_CXX_FLAGS_DEBUG="-O1 -g1" -DPADDOCK_SANITIZE=address,undefined \
    -DPADDOCK_FUZZ=ON $joined && brief unit_tests asan -LE tidy
}

threads() {
  build tsan -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG="-O1 -g1" \
    -DPADDOCK_SANITIZE=thread $joined -- threaded_tests &&
    brief unit_tests tsan -L '^(net|storage|server)$'
}

# Equal seeds give equal traces, whatever the compiler and its options.
compare_traces() {
  local build result=failed
  local -A hash
  for build in release asan; do
    hash[$build]=$("build/$build/tests/sim" --seeds=0-9 --services=0-4 |
      sed -n 's/.*, traces //p')
  done
  [[ -z ${hash[asan]} || ${hash[asan]} != "${hash[release]}" ]] || result=passed
  record "traces of the simulator in Release and Debug" $result
}

# New seeds each time, besides the fixed ones of the unit tests.
simulate() {
  local result=passed
  build/release/tests/sim --seconds="$sim_seconds" || result=failed
  record "simulator" $result
}

fuzz_one() {
  local fuzzer=$1 name result=passed
  name=$(basename "$fuzzer" _fuzz)
  mkdir -p "build/fuzz/corpus/$name"
  "$fuzzer" -max_total_time="$fuzz_seconds" -timeout=10 \
    -artifact_prefix="build/fuzz/$name-" "build/fuzz/corpus/$name" \
    "tests/fuzz/corpus/$name" >"build/fuzz/$name.log" 2>&1 || result=failed
  record "fuzz $name" $result
  [[ $result == passed ]] || tail -n 30 "build/fuzz/$name.log"
}

fuzz() {
  local fuzzer
  for fuzzer in build/asan/tests/fuzz/*_fuzz; do
    while (($(jobs -rp | wc -l) >= jobs)); do
      wait -n
    done
    fuzz_one "$fuzzer" &
  done
  wait
}

# compat [PYTEST FLAG...]: likewise; none at all (5) is right for a NAME.
compat() {
  local status=0
  PADDOCK_BIN=$PWD/build/release/paddock build/venv/bin/python -m pytest -q -n 2 \
    -p no:cacheprovider --junitxml "$results/compat.xml" "$@" || status=$?
  [[ $status == [01] && -s $results/compat.xml || $status$mode == 5name ]]
}

fast_stages() {
  local files=() file
  stage "unit tests, Release" release
  for file in $fast_compat; do
    [[ ! -e compat-tests/$file ]] || files+=("compat-tests/$file")
  done
  stage "a few clients" compat "${files[@]}"
}

named_stages() {
  stage "Java ZooKeeper 3.9" fetch_java
  stage "unit tests, Release" release -R "$name"
  stage "compatibility tests" compat -k "$name" compat-tests
}

all_stages() {
  stage "Java ZooKeeper 3.9" fetch_java
  [[ $mode != full ]] || stage "older ZooKeepers" fetch_old_java
  stage "unit tests, Release" release
  stage "simulator, $sim_seconds s of new seeds" simulate
  stage "compatibility tests" compat compat-tests
  stage "unit tests, address and undefined behaviour sanitizers" sanitized
  stage "equal traces in Release and Debug" compare_traces
  stage "unit tests of net, storage and server, thread sanitizer" threads
  stage "fuzzing, $fuzz_seconds s for each target" fuzz
}

run_stages() {
  stage "what the tests need" prepare || return
  case $mode in
    fast) fast_stages ;;
    name) named_stages ;;
    *) all_stages ;;
  esac
}

run_stages || true  # Failures are among the results
echo "== in total: $SECONDS s"
python3 tests/count_results.py "$results"/*.xml
