"""The comparison sees what it is there to see: one side is tampered with."""

import pytest

from differential import pairs
from differential import wire
from differential.duo import DifferenceFound, Duo


def _tamper(duo, name, request):
    """Does one request on the subject only, unseen by the comparison."""
    duo.subject.send(name, [(1 << 29, request)])
    duo.subject.read(name)


TAMPERINGS = {
    "a write": (wire.set_data("/n", b"other"), wire.get_data("/n")),
    "a zxid": (wire.delete("/missing"), wire.exists("/n")),
    "a watch": (wire.exists("/n", True), wire.set_data("/n", b"same")),
    "an ephemeral": (wire.create("/e", flags=1), wire.get_ephemerals("/")),
    "an ACL": (wire.set_acl("/n", ((1, "world", "anyone"),)),
               wire.set_data("/n", b"same")),
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_notices(tampering):
    pair = "3.9-3.9" if not pairs.missing("3.9-3.9") else "3.8-3.8"
    if reason := pairs.missing(pair):
        pytest.skip(reason)
    hidden, request = TAMPERINGS[tampering]
    with pairs.running(pair) as worlds:
        duo = Duo(*worlds)
        duo.connect("a")
        duo.connect("b")
        duo.do("a", wire.create("/n", b"same"))
        duo.finish()
        _tamper(duo, "a", hidden)
        duo.do("b", request)
        duo.do("a", request)
        with pytest.raises(DifferenceFound):
            duo.finish()
