"""The names in mntr, compared with those of a Java server."""

import pathlib
import re

import pytest

import conftest
import raw
import servers

# What ZooKeeper 3.9.5 prints on a standalone server and Paddock does not.  The
# names are without zk_ and without avg_, min_, max_, cnt_, sum_, p50_ and so
# on; they are regular expressions.
ABSENT = {
    "of ensembles, which are yet to come": (
        "election_time", "looking_count", "(leader_)?unavailable_time",
        "(follower|observer)_sync_time", "(diff|snap)_count",
        "inflight_(diff|snap)_count", "proposal_count", "revalidate_count",
        "proposal_(ack_creation_)?latency", "commit_propagation_latency",
        "quorum_ack_latency", "om_(proposal|commit)_process_time_ms",
        "learner_(proposal|commit)_received_count",
        "learner_request_processor_queue_size", "socket_closing_time",
        "skip_learner_request_to_next_processor_count",
        "quit_leading_due_to_disloyal_voter"),
    "of a processor that only members of ensembles have": (
        "request_commit_queued", "requests_in_session_queue",
        "pending_session_queue_size", "session_queues_drained",
        "reads_(after_write_in|issued_from)_session_queue",
        "time_waiting_empty_pool_in_commit_processor_read_ms",
        "write_batch_time_in_commit_processor", "commit_process_time",
        "concurrent_request_processing_in_commit_processor",
        "(read|write|commit)_commit_proc_req_queued",
        "(read|write)_commit_proc_issued", "(read|write)_commitproc_time_ms",
        "(local|server)_write_committed_time_ms",
        "(read|write)_final_proc_time_ms",
        "requests_not_forwarded_to_commit_processor"),
    "of TLS, which is yet to come": (
        "outstanding_tls_handshake", "tls_handshake_exceeded",
        "non_mtls_(local|remote)_conn_count"),
    "of snapshots on request, which are yet to come": (
        "snapshot_rate_limited_count", "restore_time",
        "restore_(error|rate_limited)_count"),
    "the time of reading what there is is in dbinittime": (
        "startup_snap_load_time",),
    "of the AdminServer, which is yet to come": ("insecure_admin_count",),
    "of queues and threads inside the Java server that are not here": (
        "prep_processor_(queue_size|queue_time_ms|request_queued)",
        "prep_process_time", "proposal_process_time",
        "close_session_prep_time", "outstanding_changes_(queued|removed)",
        "sync_processor_(queue_size|queue_time_ms|request_queued)",
        "sync_process_time"),
    "the same as fsynctime": ("sync_processor_queue_flush_time_ms",),
    "of caches and cleaners inside the Java server that are not here": (
        "response_packet_(get_children_)?cache_(hits|misses)",
        "dead_watchers_(queued|cleared|cleaner_latency)",
        "add_dead_watcher_stall_time"),
    "of Netty": ("netty_queued_buffer_capacity",),
    "the port is opened only when the server can answer": (
        "cnxn_closed_without_zk_server_running",),
    "the process ends where Java counts": (
        "unrecoverable_error_count",),
    "would cost each request a look-up, and memory that clients decide": (
        "(read|write)_per_namespace",),
}

# What Paddock prints and ZooKeeper 3.9.5 does not.
ADDED = {
    "where memory is": ("process_resident_memory_bytes",
                        "(znode|data|watch|session|connection)_memory_bytes"),
    "counters of operations, which ZooKeeper has since 3.10": ("op_count_\\w+",),
    "of checkpoints; their time and errors are snapshottime and"
    " snapshot_error_count": ("checkpoint_(changes|bytes)",),
    "what ZooKeeper tells through its AdminServer": (
        "fsync_threshold_exceed_count",),
}

SUMMARY = re.compile(r"zk_(?:avg|min|max|cnt|sum|p50|p95|p99|p999)_")
# Gauges whose names look like a part of a summary.
GAUGES = re.compile(r"zk_(avg|min|max)_(latency|client_response_size)|"
                    r"zk_max_file_descriptor_count")


def base_name(name):
    """Without zk_, the part of a summary, and the namespace."""
    found = None if GAUGES.fullmatch(name) else SUMMARY.match(name)
    base = name[found.end():] if found else name.removeprefix("zk_")
    return re.sub(r"^\w+?_(?=(read|write)_per_namespace$)", "", base)


def is_listed(name, table):
    base = base_name(name)
    return any(re.fullmatch(pattern, base)
               for patterns in table.values() for pattern in patterns)


def metrics(server):
    lines = servers.four_letter_word(server.port, "mntr").splitlines()
    pairs = [line.split("\t") for line in lines]
    assert all(len(pair) == 2 for pair in pairs)
    values = dict(pairs)
    assert len(values) == len(pairs), "a name comes twice"
    return values


def use(server):
    """Leaves something in each kind of metric."""
    with raw.connect(server.port) as conn:
        for path in ("/app", "/app/a", "/zookeeper/quota/app"):
            conn.create(path)
        conn.create("/zookeeper/quota/app/zookeeper_limits",
                    b"count=5,bytes=-1=;byteHardLimit=50;countHardLimit=-1")
        conn.create("/zookeeper/quota/app/zookeeper_stats", b"count=2,bytes=0")
        conn.call(raw.GET, raw.read_body("/app", True))
        reply = conn.call(raw.SET, raw.set_body("/app", bytes(51)))
        assert reply.err == -125
        assert conn.call(raw.SET, raw.set_body("/app", b"x")).err == 0
        return metrics(server)


def compared():
    if conftest.KIND != "paddock":
        pytest.skip("compares Paddock with Java")
    if reason := servers.java_available("3.9"):
        pytest.skip(reason)
    values = []
    for kind, keys in ((servers.JavaZooKeeper, {"version": "3.9"}),
                       (servers.Paddock, {})):
        with kind({"enforceQuota": "true"}, **keys) as server:
            values.append(use(server))
    return values


@pytest.fixture(scope="module")
def both():
    """The metrics of Java and of Paddock, after the same requests."""
    return compared()


def test_names_are_those_of_java_but_for_the_listed_ones(both):
    java, paddock = both
    missing = [n for n in java.keys() - paddock.keys()
               if not is_listed(n, ABSENT)]
    added = [n for n in paddock.keys() - java.keys()
             if not is_listed(n, ADDED)]
    assert (sorted(missing), sorted(added)) == ([], [])


def test_every_listed_name_is_still_absent(both):
    java, paddock = both
    assert sorted(n for n in paddock if is_listed(n, ABSENT)) == []
    bases = {base_name(n) for n in java}
    for patterns in ABSENT.values():
        for pattern in patterns:
            assert any(re.fullmatch(pattern, b) for b in bases), pattern


def test_values_have_the_form_of_java(both):
    """Whole numbers where Java has such, and fractions where it has those."""
    java, paddock = both
    for name in java.keys() & paddock.keys() - {"zk_version",
                                                "zk_server_state"}:
        is_whole = [v[name].lstrip("-").isdigit() for v in both]
        assert is_whole[0] == is_whole[1], (name, java[name], paddock[name])
        float(paddock[name])


@pytest.mark.parametrize("name", [
    "znode_count", "watch_count", "ephemerals_count", "global_sessions",
    "num_alive_connections", "connection_request_count",
    "connection_rejected", "connection_drop_count", "throttled_ops",
    "stale_requests", "stale_requests_dropped", "stale_replies",
    "last_client_response_size", "max_client_response_size",
    "min_client_response_size", "response_bytes", "watch_bytes",
    "cnt_readlatency", "cnt_fsynctime", "cnt_propagation_latency",
    "cnt_node_changed_watch_count", "sum_node_changed_watch_count",
    "cnt_connection_token_deficit", "cnt_dbinittime",
    "cnt_startup_txns_loaded", "app_quota_count_limit_per_namespace",
    "app_quota_bytes_limit_per_namespace",
    "app_quota_count_usage_per_namespace",
    "app_quota_bytes_usage_per_namespace",
    "app_quota_exceeded_error_per_namespace"])
def test_value_is_that_of_java(both, name):
    java, paddock = both
    assert paddock["zk_" + name] == java["zk_" + name]


def test_srst_resets_what_is_counted_and_no_gauge(server):
    before = use_without_quota(server)
    assert int(before["zk_cnt_updatelatency"]) > 0
    assert servers.four_letter_word(server.port, "srst") == (
        "Server stats reset.\n")
    after = metrics(server)
    for name in ("cnt_updatelatency", "max_updatelatency", "cnt_fsynctime",
                 "connection_request_count", "cnt_dbinittime",
                 "cnt_connection_token_deficit", "p999_updatelatency",
                 "connection_drop_count", "watch_bytes"):
        assert float(after["zk_" + name]) == 0, name
    assert after["zk_znode_count"] == before["zk_znode_count"]


def use_without_quota(server):
    with raw.connect(server.port) as conn:
        conn.create("/srst")
        conn.call(raw.GET, raw.read_body("/srst", True))
        conn.call(raw.SET, raw.set_body("/srst", b"x"))
        return metrics(server)


of_checkpoints = pytest.mark.skipif(conftest.KIND != "paddock",
                                    reason="of Paddock's checkpoints")


def value(server, name):
    return float(metrics(server)["zk_" + name])


@of_checkpoints
def test_checkpoints_are_counted(tmp_path):
    with servers.Paddock({"checkpoint.changes": 30},
                         data_dir=tmp_path) as server:
        with raw.connect(server.port) as conn:
            for i in range(30):
                conn.create(f"/{i}", bytes(100))
            servers.wait_until(lambda: value(server, "cnt_snapshottime") == 1)
            assert 0 <= value(server, "max_snapshottime") < 10000
            changes = value(server, "sum_checkpoint_changes")
            assert 30 <= changes <= 40
            written = value(server, "sum_checkpoint_bytes")
            assert 30 * 100 < written < 30 * 300
            for i in range(30):
                conn.call(raw.SET, raw.set_body(f"/{i}", b"x"))
            servers.wait_until(lambda: value(server, "cnt_snapshottime") == 2)
            # Nothing but these, and the root if the last create came while the
            # first checkpoint ran; and they are small now.
            added = value(server, "sum_checkpoint_changes") - changes
            assert 30 <= added <= 31
            assert value(server, "min_checkpoint_changes") >= 30
            assert value(server, "sum_checkpoint_bytes") < written + 30 * 150
            assert value(server, "snapshot_error_count") == 0


@of_checkpoints
def test_checkpoints_that_fail_are_counted(tmp_path, full):
    with servers.Paddock({"checkpoint.changes": 30},
                         data_dir=tmp_path) as server:
        tree = server.data_dir / "version-2/tree.db"
        tree.mkdir()  # Nobody can write to it
        with raw.connect(server.port) as conn:
            for i in range(30):
                conn.create(f"/{i}", bytes(100))
        servers.wait_until(lambda: value(server, "snapshot_error_count") == 1)
        assert value(server, "cnt_snapshottime") == 0
        assert "the next attempt follows in 10 s" in server.log()
        if full:
            tree.rmdir()
            servers.wait_until(lambda: value(server, "cnt_snapshottime") == 1)
            assert value(server, "snapshot_error_count") == 1


def test_threads_say_what_they_do():
    with servers.Paddock() as server:
        def names():
            tasks = pathlib.Path(f"/proc/{server.pid}/task").glob("*/comm")
            return sorted(task.read_text().strip() for task in tasks)

        servers.wait_until(
            lambda: names() == ["paddock", "paddock-log", "paddock-tree.db"],
            what="three threads with their names")
