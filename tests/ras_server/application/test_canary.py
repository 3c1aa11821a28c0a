"""The keys of a lock never leave custody: looked for in answers, logs and files."""

from pathlib import Path

import pytest

from igrs_codec.bsld import keys
from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.application.test_tickets import tickets
from tests.ras_server.client import Client
from tests.ras_server.conftest import MovableClock


@pytest.fixture
def canaries(monkeypatch: pytest.MonkeyPatch) -> set[bytes]:
    """Return every key from which another one is derived, as custody derives them."""
    seen: set[bytes] = set()
    derive = keys.kdf

    def spy(key: bytes, label: bytes, context: bytes) -> bytes:
        if label != b"ses":
            seen.add(key)
        return derive(key, label, context)

    monkeypatch.setattr(keys, "kdf", spy)
    return seen


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the content of every file."""
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_no_key_leaves(
    canaries: set[bytes],
    owner: Client,
    home: Gateway,
    door: Door,
    *,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    clock: MovableClock,
) -> None:
    """No key of a lock, nor the one on its label, stands in an answer, a log or a file."""
    caplog.set_level("DEBUG")
    clock.move(61)
    path = f"/v1/devices/{door.device_id}"
    answers = [
        await owner.post(f"{path}/rekey", {"reason": "compromise"}),
        await home.open(door, "deliver"),
        await tickets(home, door),
        await home.client.get("/v1/devices"),
        await owner.get(f"{path}/users"),
        await home.client.get(f"{path}/pending"),
        await owner.get("/v1/audit"),
    ]
    k_t = {bytes.fromhex(ticket["k_t"]) for ticket in answers[2].data["tickets"]}
    texts = [str(answer.body) for answer in answers] + [caplog.text]
    files = files_of(tmp_path)

    assert all(answer.code == 0 for answer in answers)
    assert {"ras.db", "keys.journal"} <= set(files)
    secrets = canaries - k_t
    assert len(secrets) >= 3  # the label, two generations
    for key in secrets:
        assert not any(key.hex() in text.lower() for text in texts)
        assert not any(key in data or key.hex().encode() in data for data in files.values())
