"""Drives zkCli (ZooKeeperMain) and holds a script of all its commands."""

import queue
import re
import subprocess
import threading

ANSWER_SECONDS_MAX = 60


class Shell:
    """An interactive zkCli.  Use it as a context manager."""

    def __init__(self, classpath, address):
        self._process = subprocess.Popen(
            ["java", "-Xmx256m", "-cp", classpath,
             "-Dorg.slf4j.simpleLogger.defaultLogLevel=off",
             "org.apache.zookeeper.ZooKeeperMain", "-server", address,
             "-waitforconnection"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, bufsize=1)
        self._lines = queue.Queue()
        self._events = []
        self._commands = 0
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self._process.kill()
        self._process.wait()

    def command(self, text):
        """Returns the lines that a command prints, blank ones left out.

        What a watcher prints comes from another thread, so it is kept apart.
        """
        self._commands += 1
        marker = f"/marker-{self._commands}"
        self._send(text)
        self._send(f"get {marker}")
        lines = []
        while (line := self._next_line()) != f"Node does not exist: {marker}":
            lines.append(line)
        return lines

    def event(self):
        """The next watch event as "type path"."""
        while not self._events:
            self._take()
        return self._events.pop(0)

    def no_more_events(self):
        """Whether all events of what was done so far have been taken.

        The event thread prints them in order, so that one more event, that of
        a watch on a node of its own, comes after all of them.
        """
        self.command("create /last-event")
        self.command("get -w /last-event")
        self.command("delete /last-event")
        return self.event() == "NodeDeleted /last-event"

    def quit(self):
        """Ends the shell; its exit status is that of the last command."""
        self._send("version")
        self._send("quit")
        return self._process.wait(ANSWER_SECONDS_MAX)

    def close(self):
        """Closes the session; returns what the next command answers."""
        self._send("close")
        self._send("ls /")
        return self._next_line()

    def _send(self, text):
        self._process.stdin.write(text + "\n")

    def _read(self):
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def _next_line(self):
        while (line := self._take()) is None:
            pass
        return line

    def _take(self):
        """Takes one line; returns it unless a watcher has printed it."""
        line = self._lines.get(timeout=ANSWER_SECONDS_MAX)
        assert line is not None, "zkCli ended"
        if match := re.match(
                r"WatchedEvent state:\w+ type:(\w+) path:(\S+)", line):
            if match[1] != "None":
                self._events.append(f"{match[1]} {match[2]}")
            return None
        return None if line == "WATCHER::" or not line.strip() else line


def stat(length=0, children=0, cversion=0, version=0, aversion=0, owner="0"):
    """The lines of a Stat, as regular expressions."""
    zxid = "0x[0-9a-f]+"
    date = r"\w{3} \w{3} \d\d \d\d:\d\d:\d\d \w+ \d{4}"
    return [
        f"cZxid = {zxid}", f"ctime = {date}", f"mZxid = {zxid}",
        f"mtime = {date}", f"pZxid = {zxid}", f"cversion = {cversion}",
        f"dataVersion = {version}", f"aclVersion = {aversion}",
        f"ephemeralOwner = 0x{owner}", f"dataLength = {length}",
        f"numChildren = {children}",
    ]


def lit(*lines):
    return [re.escape(line) for line in lines]


DIGEST = "user1:+7K83PhyQ3ijGj0ADmljf0quVwQ="
OPEN = lit("'world,'anyone", ": cdrwa")
LIMITS = lit("absolute path is /zookeeper/quota/a/zookeeper_limits")

# Command, and the lines it prints, as regular expressions.  A fresh server.
COMMANDS = [
    ("version", [r"ZooKeeper CLI version: .*"]),
    # ls and create
    ("ls /", lit("[zookeeper]")),
    ("ls -s /", lit("[zookeeper]") + stat(children=1, cversion=-1)),
    ("ls -R /zookeeper",
     lit("/zookeeper", "/zookeeper/config", "/zookeeper/quota")),
    ("create /a one", lit("Created /a")),
    ("create /a", lit("Node already exists: /a")),
    ("create /none/a", lit("Node does not exist: /none/a")),
    ("create -s /a/s- two", lit("Created /a/s-0000000000")),
    ("create -e /e three", lit("Created /e")),
    ("create /e/x", lit("Ephemerals cannot have children: /e/x")),
    ("create -s -e /a/se four", lit("Created /a/se0000000001")),
    ("create -c /c", lit("Created /c")),
    ("create -t 3600000 /t five", lit("Created /t")),
    ("create -s -t 3600000 /t/x six", lit("Created /t/x0000000000")),
    ("create -c -e /bad", [r"-c cannot be combined with -s or -e\..*"]),
    ("create /acl x world:anyone:r", lit("Created /acl")),
    ("set /acl y",
     lit("Insufficient permission : /acl")),
    # get
    ("get /a", lit("one")),
    ("get -s /a", lit("one") + stat(length=3, children=2, cversion=2)),
    ("get -b /a", lit("b25l")),
    ("get -x /a", [r" +\+-+\+", r" +\|  0  1 .*", r"\+-+\+-+\+-+\+",
                   r"\|00000000\| 6f 6e 65 +\|one +\|",
                   r"\+-+\+-+\+-+\+"]),
    ("get /c", lit("null")),
    ("get /none", lit("Node does not exist: /none")),
    # set and stat
    ("set /a changed", []),
    ("set -v 0 /a x", lit("version No is not valid : /a")),
    ("set -v 1 -s /a again", stat(5, 2, 2, version=1 + 1)),
    ("set -b /a YmFzZQ==", []),
    ("get /a", lit("base")),
    ("set /none x", lit("Node does not exist: /none")),
    ("stat /a", stat(4, 2, 2, version=3)),
    ("stat /none", lit("Node does not exist: /none")),
    ("ls /a", lit("[s-0000000000, se0000000001]")),
    ("ls -R /a", lit("/a", "/a/s-0000000000", "/a/se0000000001")),
    ("ls /none", lit("Node does not exist: /none")),
    # delete
    ("create /a/n", lit("Created /a/n")),
    ("delete /a/n", []),
    ("delete -v 5 /a/s-0000000000",
     lit("version No is not valid : /a/s-0000000000")),
    ("delete /a", lit("Node not empty: /a")),
    ("delete /none", lit("Node does not exist: /none")),
    # ACLs and identities
    ("getAcl /a", OPEN),
    ("getAcl -s /a", OPEN + stat(4, 2, 4, version=3)),
    ("setAcl /a world:anyone:cdrwa", []),
    ("setAcl -s -v 1 /a world:anyone:cdrwa",
     stat(4, 2, 4, version=3, aversion=2)),
    ("setAcl -v 9 /a world:anyone:r", lit("version No is not valid : /a")),
    ("setAcl /a nobody:x:r", lit("Acl is not valid : /a")),
    ("whoami", lit("Auth scheme: User", "ip: 127.0.0.1")),
    ("addauth digest user1:pass1", []),
    # Identities come in no set order.
    ("whoami", ["Auth scheme: User"]
     + 2 * [r"digest: user1|ip: 127\.0\.0\.1"]),
    (f"create /d x digest:{DIGEST}:cdrwa", lit("Created /d")),
    ("getAcl /d", lit(f"'digest,'{DIGEST}", ": cdrwa")),
    ("create /au x auth::cdrwa", lit("Created /au")),
    ("getAcl /au", lit(f"'digest,'{DIGEST}", ": cdrwa")),
    ("setAcl -R /t world:anyone:rw", []),
    ("getAcl /t/x0000000000", lit("'world,'anyone", ": rw")),
    ("setAcl -R /c world:anyone:cdrwa", []),
    # ephemerals and descendants
    ("getEphemerals", lit("[/a/se0000000001, /e]")),
    ("getEphemerals /a", lit("[/a/se0000000001]")),
    ("getEphemerals /b", lit("[]")),
    ("getAllChildrenNumber /", lit("13")),
    ("getAllChildrenNumber /a", lit("2")),
    ("getAllChildrenNumber /none", lit("Node does not exist: /none")),
    # quotas
    ("setquota -n 7 /a", []),
    ("setquota -b 100 /a", []),
    ("setquota -N 8 /a", []),
    ("setquota -B 200 /a", []),
    ("setquota -n 2 /a/s-0000000000",
     lit("/a/s-0000000000 has a parent /a which has a quota")),
    ("listquota /a", LIMITS + lit(
        "Output quota for /a "
        "count=7,bytes=100=;byteHardLimit=200;countHardLimit=8",
        "Output stat for /a count=3,bytes=11")),
    ("create /a/q 12345", lit("Created /a/q")),
    ("listquota /a", LIMITS + lit(
        "Output quota for /a "
        "count=7,bytes=100=;byteHardLimit=200;countHardLimit=8",
        "Output stat for /a count=4,bytes=16")),
    ("delquota -n /a", []),
    ("listquota /a", LIMITS + lit(
        "Output quota for /a "
        "count=-1,bytes=100=;byteHardLimit=200;countHardLimit=8",
        "Output stat for /a count=4,bytes=16")),
    ("delquota -b /a", []),
    ("delquota -N /a", []),
    ("delquota -B /a", []),
    ("listquota /a", LIMITS + lit(
        "Output quota for /a "
        "count=-1,bytes=-1=;byteHardLimit=-1;countHardLimit=-1",
        "Output stat for /a count=4,bytes=16")),
    ("delquota /a", []),
    ("listquota /a", LIMITS + lit("quota for /a does not exist.")),
    # sync, config, reconfig
    ("sync /a", lit("Sync is OK")),
    ("config", []),
    ("config -c", []),
    ("config -s", stat(aversion=-1)),
    ("reconfig -add server.2=127.0.0.1:1:2;3",
     [r"KeeperErrorCode = Reconfig is disabled"]),
    ("reconfig -remove 2", [r"KeeperErrorCode = Reconfig is disabled"]),
    # the shell itself
    ("printwatches off", []),
    ("printwatches", lit("printwatches is off")),
    ("printwatches on", []),
    ("printwatches", lit("printwatches is on")),
    ("bogus", None),
    ("get", None),
    # deleteall, deepest first, with and without batches
    ("deleteall /a", []),
    ("ls /a", lit("Node does not exist: /a")),
    ("create /tree", lit("Created /tree")),
    ("create /tree/x", lit("Created /tree/x")),
    ("create /tree/x/y", lit("Created /tree/x/y")),
    ("deleteall /tree -b 1", []),
    ("ls /tree", lit("Node does not exist: /tree")),
    ("create /tree", lit("Created /tree")),
    ("create /tree/x", lit("Created /tree/x")),
    ("deleteall /tree -b 0", []),
    ("ls /tree", lit("Node does not exist: /tree")),
    ("deleteall /none", lit("Node does not exist: /none")),
]

# Command, its lines, and the watch events that it leads to.
WATCH_COMMANDS = [
    ("create /w one", lit("Created /w"), []),
    ("get -w /w", lit("one"), []),
    ("set /w two", [], ["NodeDataChanged /w"]),
    ("set /w three", [], []),
    ("stat -w /w", stat(5, version=2), []),
    ("set /w four", [], ["NodeDataChanged /w"]),
    ("ls -w /w", lit("[]"), []),
    ("create /w/c", lit("Created /w/c"), ["NodeChildrenChanged /w"]),
    ("create /w/d", lit("Created /w/d"), []),
    ("addWatch /w", [], []),
    ("create /w/c/x", lit("Created /w/c/x"), ["NodeCreated /w/c/x"]),
    ("set /w/c y", [], ["NodeDataChanged /w/c"]),
    ("delete /w/c/x", [], ["NodeDeleted /w/c/x"]),
    ("removewatches /w", [], ["PersistentWatchRemoved /w"]),
    ("create /w/e", lit("Created /w/e"), []),
    ("addWatch -m PERSISTENT /w", [], []),
    ("delete /w/e", [], ["NodeChildrenChanged /w"]),
    ("set /w five", [], ["NodeDataChanged /w"]),
    ("removewatches /w", [], ["PersistentWatchRemoved /w"]),
    ("get -w /w", lit("five"), []),
    ("ls -w /w", lit("[c, d]"), []),
    ("removewatches /w -d", [], ["DataWatchRemoved /w"]),
    ("removewatches /w -c", [], ["ChildWatchRemoved /w"]),
    ("removewatches /w -a",
     [r"KeeperErrorCode = No such watcher for /w"], []),
    ("config -w", [], []),
    ("deleteall /w", [], []),
]


def check_lines(command, expected, lines):
    """Compares what a command printed; expected None asks for any lines."""
    if expected is None:
        assert lines, f"{command}: prints something"
        return
    matches = len(lines) == len(expected) and all(
        re.fullmatch(pattern, line)
        for pattern, line in zip(expected, lines, strict=True))
    assert matches, (f"{command}\n  expected: " + "\n    ".join(expected)
                     + "\n  got: " + "\n    ".join(lines))


def run_one(classpath, address, *command):
    """Runs zkCli with one command: exit status and lines that it printed."""
    done = subprocess.run(
        ["java", "-Xmx256m", "-cp", classpath,
         "-Dorg.slf4j.simpleLogger.defaultLogLevel=off",
         "org.apache.zookeeper.ZooKeeperMain", "-server", address, *command],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, check=False,
        timeout=ANSWER_SECONDS_MAX)
    # The event thread may tell that it is connected before or after.
    lines = [line for line in done.stdout.splitlines()
             if line and not re.match("WATCHER::|WatchedEvent ", line)]
    return done.returncode, lines
