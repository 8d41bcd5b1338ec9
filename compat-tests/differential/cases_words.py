"""Scripted cases: four-letter words, by text where it must be equal and by
shape where it names versions, times and places."""

import re

from differential import duo
from differential.cases import case
from differential.wire import (
    add_watch, create, exists, get_children, get_data, set_data)

WORDS = ("conf", "cons", "crst", "dirs", "dump", "envi", "gtmk", "hash", "isro",
         "mntr", "ruok", "srst", "srvr", "stat", "stmk", "wchc", "wchp", "wchs")
REQUIRED_METRICS = {
    "zk_version", "zk_server_state", "zk_avg_latency", "zk_max_latency",
    "zk_min_latency", "zk_packets_received", "zk_packets_sent",
    "zk_num_alive_connections", "zk_outstanding_requests", "zk_znode_count",
    "zk_watch_count", "zk_ephemerals_count", "zk_approximate_data_size",
    "zk_open_file_descriptor_count", "zk_max_file_descriptor_count",
    "zk_uptime", "zk_global_sessions", "zk_local_sessions",
    "zk_connection_drop_probability"}


def shape(text):
    """Text with every number, date, path and version made equal."""
    rules = (
        (r"(?m)^0 expire at .*\n", ""),  # dump: times when nothing expires
        (r"\w{3} \w{3} \d\d \d\d:\d\d:\d\d \w+ \d{4}", "DATE"),
        (r"(?m)^Zookeeper version: \d+\.\d+\.\d+-\S+, built on "
         r"\d{4}-\d\d-\d\d \d\d:\d\d \w+$", "VERSION LINE"),
        (r"(?m)^((?:data|dataLog)Dir)=/\S+/data/version-2$", r"\1=DIR"),
        (r"0x[0-9a-f]+", "HEX"),
        (r"\d+\.\d{1,4}\b", "DECIMAL"),
        (r"\d+", "N"),
    )
    for pattern, replacement in rules:
        text = re.sub(pattern, replacement, text)
    return text


def compare_shapes(d, *words):
    for word in words:
        d.compare_eventually(f"shape of {word!r}",
                             lambda w, word=word: shape(duo.ask(w, word)))


@case()
def words_with_equal_text(d, top):
    d.connect("a")
    d.connect("b")
    d.do("a", create(top), create(top + "/e", flags=1), get_data(top, True),
         get_children(top, True))
    d.do("b", add_watch(top, 0), exists(top + "/no", True))
    d.compare_words("ruok", "isro", "crst", "srst", "gtmk", "wchs")
    d.compare_eventually("zxids of hash", lambda w: [
        line.split(":")[0] for line in duo.ask(w, "hash").splitlines()])
    d.compare_words("ruok\n", "isro\n", "wchs\r\n", "ruokabcdefgh")
    d.compare_words(b"\xff\xf4\xff\xfd")


@case("default")
def watch_lists(d, top):
    """wchc and wchp: sections and their lines in any order."""
    for name in ("a", "b"):
        d.connect(name)
        d.do(name, exists(top, True), add_watch(top + "/r", 1),
             add_watch(top + "/p", 0), get_children("/", True),
             get_data("/", True))
    d.do("a", exists(top + "/a", True))

    def sections(world, word):
        text = world.mask_text(duo.ask(world, word))
        found, key = {}, None
        for line in text.splitlines():
            if line.startswith("\t"):
                found[key].append(line)
            else:
                key = line
                found.setdefault(key, [])
        return text.endswith("\n\n"), {k: sorted(v) for k, v in found.items()}

    for word in ("wchc", "wchp"):
        d.compare_eventually(word, lambda w, word=word: sections(w, word))
    d.compare_words("wchs")


@case("default")
def words_by_shape(d, top):
    compare_shapes(d, "srvr", "stat", "conf", "cons", "dirs", "dump", "mode")
    d.connect("a")
    d.do("a", create(top, flags=1), get_data(top), set_data(top))
    compare_shapes(d, "srvr", "dirs")
    for word in ("stat", "cons"):
        d.compare_eventually(f"lines of {word}", lambda w, word=word: sorted(
            re.sub(r"\[HEX\]|\[N\]|lcxid=HEX,|lzxid=HEX", "", shape(line))
            for line in duo.ask(w, word).splitlines()))
    d.compare_eventually("conf keys", lambda w: [
        line.split("=")[0] for line in duo.ask(w, "conf").splitlines()])
    d.compare_eventually("conf values", lambda w: [
        line for line in duo.ask(w, "conf").splitlines()
        if not re.match(r"(clientPort|data\w+)=", line)])
    d.compare_eventually("ephemerals of dump", lambda w: re.findall(
        r"(?s)ephemeral nodes dump:.*?Connections dump:",
        w.mask_text(duo.ask(w, "dump"))))
    d.compare_eventually("sessions of dump", lambda w: sorted(re.findall(
        r"(?m)^\t(S\d+)$", w.mask_text(duo.ask(w, "dump")))))


@case()
def connection_details(d, top):
    """What cons says of a connection after each kind of request."""
    from differential import cases_wire
    d.connect("a")
    d.do("a", create(top))

    def line(world):
        found = [text for text in duo.ask(world, "cons").splitlines()
                 if "sid=" in text]
        return [re.sub(r"127.0.0.1:\d+|(est|lresp|llat|minlat|avglat|maxlat)"
                       r"=\d+", r"\1", world.mask_text(text))
                for text in found]

    for request in cases_wire.one_of_each(top):
        d.burst("a", [request])
        d.compare_eventually(f"cons after {request}", line)


@case()
def environment(d, top):
    d.compare_eventually("keys of envi", lambda w: [
        line.split("=")[0] for line in duo.ask(w, "envi").splitlines()])


@case()
def metrics_of_mntr(d, top):
    """Every required key is there; test_metrics.py compares all names."""
    d.connect("a")
    d.do("a", create(top), create(top + "/x", b"12345"), set_data(top, b"1"),
         get_data(top, True))
    d.compare_counters()
    keys = [set(duo.metrics(w)) for w in d.worlds]
    d.compare_values("required metrics that are missing",
                     *[sorted(REQUIRED_METRICS - k) for k in keys])
    d.compare_values("first lines", *[
        [line.split("\t")[0] for line in duo.ask(w, "mntr").splitlines()[:2]]
        for w in d.worlds])


@case("few_words")
def words_outside_the_whitelist(d, top):
    for word in WORDS:
        if word not in ("mntr", "srvr"):
            d.compare_words(word)
    compare_shapes(d, "srvr")
    d.compare_words(b"\xff\xf4\xff\xfd")


@case("no_words")
def words_without_a_whitelist(d, top):
    d.compare_words("ruok", "isro", "mntr", "stat", "wchs")
    compare_shapes(d, "srvr")


@case()
def words_that_nobody_knows(d, top):
    for n, word in enumerate((b"abcd", b"RUOK", b"ruo\n", b"help", b"\r\nru")):
        d.open(f"w{n}")
        d.send_bytes(f"w{n}", word)
        d.expect_closed(f"w{n}")


@case()
def words_in_pieces_and_half_closed(d, top):
    for n, (chunks, half_close) in enumerate((
            ((b"r", b"u", b"o", b"k"), False), ((b"ru", b"ok\n"), False),
            ((b"ruok",), True), ((b"ruok\n",), True), ((b"isro",), True))):
        for world in d.worlds:
            world.open(f"w{n}")
        answers = []
        for world in d.worlds:
            sock = world.connections[f"w{n}"].sock
            for chunk in chunks:
                sock.send(chunk)
            if half_close:
                sock.shutdown_write()
            answers.append(sock.recv_rest(world._deadline()))
            world.drop(f"w{n}")
        d.compare_values(f"answer to {chunks}", *answers)


@case()
def trace_mask(d, top):
    d.compare_words("gtmk", b"stmk" + (0x132).to_bytes(8, "big"),
                    b"stmk" + (5).to_bytes(8, "big"), "gtmk",
                    b"stmk" + (306).to_bytes(8, "big"), "gtmk")
