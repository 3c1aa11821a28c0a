"""The detection that every test here runs under sees what it must."""

from pathlib import Path
import time

import pytest

from custom_components.igrs import ras

CALLS = {"open": "open('/dev/null').close()", "sleep": "time.sleep(0)", "read": "path.read_bytes()"}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_seen(blocking: list[str], call: str) -> None:
    """A call that blocks is seen when this integration makes it in the loop."""
    code = compile(f"\n{call}", ras.__file__, "exec")

    exec(code, {"time": time, "path": Path("/dev/null")})  # noqa: S102 - as if it stood in ras.py

    assert {seen.rpartition("/")[2] for seen in blocking} == {"ras.py:2"}
    blocking.clear()


def test_others(blocking: list[str]) -> None:
    """What a test does itself is none of ours."""
    Path("/dev/null").read_bytes()

    assert blocking == []
