"""Which two servers are compared, and with which configurations.

A pair is written "SUBJECT-REFERENCE", for example "paddock-3.9".
"""

import contextlib
import os
import pathlib

import servers
from differential.world import World

FULL = os.environ.get("PADDOCK_TEST_FULL") == "1"

# Paddock against the newer Java server is the test.  Java against itself shows
# that the masks hide what has to be hidden and that the order is definite; 3.9
# against 3.8 shows that deliberate.py knows what lies between the two.
PAIRS = ("paddock-3.9", "3.9-3.9")
PAIRS_FULL = (*PAIRS, "paddock-3.8", "3.9-3.8")

# user "super", password "secret"
SUPER_DIGEST = "super:lK75jTNcA+U9vtVEw5vB51mj/w4="

NO_SWEEP = {"znode.container.checkIntervalMs": 1_000_000_000}
BASE = {
    "tickTime": 1000,
    # Sessions that a case leaves behind must not expire in a later one.
    "maxSessionTimeout": 4_000_000,
    "extendedTypesEnabled": "true",
    "DigestAuthenticationProvider.superDigest": SUPER_DIGEST,
}

# name -> (zoo.cfg keys, properties that Java takes on its command line only)
CONFIGS = {
    "base": (BASE, NO_SWEEP),
    "default": ({}, {}),
    "ticks": ({"tickTime": 500, "minSessionTimeout": 1200,
               "maxSessionTimeout": 7000}, {}),
    "expiry": (BASE | {"tickTime": 100}, NO_SWEEP),
    "sweep": (BASE | {"tickTime": 100},
              {"znode.container.checkIntervalMs": 300,
               "znode.container.maxNeverUsedIntervalMs": 0}),
    "quota": (BASE | {"enforceQuota": "true"}, NO_SWEEP),
    "skip_acl": (BASE | {"skipACL": "yes"}, NO_SWEEP),
    "eager_acl": (BASE | {"enableEagerACLCheck": "true"}, NO_SWEEP),
    "auth_required": (BASE | {"enforce.auth.enabled": "true",
                              "enforce.auth.schemes": "digest"}, NO_SWEEP),
    "reconfig": (BASE | {"reconfigEnabled": "true"}, NO_SWEEP),
    "small_frames": (BASE, NO_SWEEP | {"jute.maxbuffer": 1000}),
    "few_connections": (BASE | {"maxClientCnxns": 3}, NO_SWEEP),
    "few_words": ({"4lw.commands.whitelist": "ruok, mntr"}, {}),
    "no_words": ({"4lw.commands.whitelist": ""}, {}),
    "sha256": (BASE | {"DigestAuthenticationProvider.digestAlg": "SHA-256"},
               NO_SWEEP),
}


def pairs():
    return PAIRS_FULL if FULL else PAIRS


def missing(pair):
    """Why this pair cannot run here, or None."""
    for kind in pair.split("-"):
        if kind == "paddock":
            if not pathlib.Path(servers.PADDOCK_BIN).exists():
                return "the paddock binary is not built (PADDOCK_BIN)"
        elif reason := servers.java_available(kind):
            return reason
    return None


def make_server(kind, config_name):
    config, properties = CONFIGS[config_name]
    if kind == "paddock":
        return servers.Paddock(config | properties)
    return servers.JavaZooKeeper(config, version=kind,
                                 java_properties=properties)


@contextlib.contextmanager
def running(pair, config_name="base"):
    """Starts both servers: yields the reference's and the subject's World."""
    subject_kind, reference_kind = pair.split("-")
    with contextlib.ExitStack() as stack:
        worlds = []
        for kind in (reference_kind, subject_kind):
            server = make_server(kind, config_name)
            worlds.append(World(stack.enter_context(server), kind))
        yield worlds
