"""A command runs in a network of its own."""

import json
import subprocess
import sys

import pytest

from demo import namespace

LOOK = """
import json, socket
from demo import namespace
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as group:
    group.connect(("224.0.0.251", 5353))
    source = group.getsockname()[0]
try:
    socket.create_connection(("192.0.2.1", 9), timeout=1).close()
except OSError as err:
    error = err.strerror
names = [name for _, name in socket.if_nameindex()]
print(json.dumps([namespace.was_tried(), names, source, error]))
"""


@pytest.mark.skipif(not namespace.is_possible(), reason="the system lets nobody have a network")
def test_private_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is the loopback interface alone, with multicast from an address beside 127.0.0.1."""
    monkeypatch.delenv("IGRS_NETWORK_TRIED", raising=False)
    command = [sys.executable, "-m", "demo.namespace", sys.executable, "-c", LOOK]

    looked = subprocess.run(command, capture_output=True, check=True)

    private, names, source, error = json.loads(looked.stdout)
    assert private
    assert names == ["lo"]
    assert not source.startswith("127.")
    assert error == "Network is unreachable"
