"""What becomes due with time; batches of a maker; the administrator's commands about keys."""

from pathlib import Path

from aiohttp import web
import pytest

from ras_server.application.upkeep import look_after
from ras_server.cli import main
from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.application.test_operations import grant
from tests.ras_server.client import Client
from tests.ras_server.conftest import MovableClock
from tests.ras_server.processes import ras

KEY = "f0e1d2c3b4a5968778695a4b3c2d1e0f"
OTHER = "00112233445566778899aabbccddeeff"


async def test_grant_that_ended(
    app: web.Application, owner: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """The row of a grant that has ended leaves the lock."""
    await grant(owner, door, "guest@example.org", valid={"until": int(clock()) + 200})
    await home.open(door, "deliver")
    clock.move(201)

    look_after(app)
    await home.open(door, "deliver")

    rows = await owner.get(f"/v1/devices/{door.device_id}/users")
    assert len(rows.data["items"]) == 1


async def test_rekey_on_schedule(
    app: web.Application, owner: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A lock whose key is old is given a new one, and the owner sees if that is missed."""
    path = f"/v1/devices/{door.device_id}"
    look_after(app)
    assert (await home.open(door, "deliver")).data["result"]["code"] == 0
    assert door.lock.show()["generation"] == 1
    clock.move(200 * 86400)
    await owner.log_in("anna@example.org")
    assert (await owner.get(path)).data["rotations_missed"] == 2
    again = Gateway(await owner.gateway())

    look_after(app)
    for _ in range(3):
        clock.move(61)
        await again.open(door, "deliver")

    assert door.lock.show()["generation"] == 2
    assert (await owner.get(path)).data["rotations_missed"] == 0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a new server."""
    folder = tmp_path / "ras"
    assert main(["init", "--folder", str(folder)]) == 0
    return folder


async def test_bad_batch(folder: Path, tmp_path: Path) -> None:
    """Every bad line of a batch is named, and nothing of it is imported."""
    table = tmp_path / "keys.csv"
    lines = [
        "device_id,k_f",
        f"A1B2C3D4E5F6,{KEY}",
        f"A1B2C3D4E5,{OTHER}",
        "A1B2C3D4E5F7,f0e1",
        f"A1B2C3D4E5F6,{OTHER}",
        f"A1B2C3D4E5F8,{KEY}",
        "A1B2C3D4E5F9",
        f"A1B2C3D4E5FA,{'00' * 16}",
    ]
    table.write_text("\n".join(lines))

    first = await ras("device", "import", table, "--folder", folder)
    table.write_text(f"device_id,k_f\nA1B2C3D4E5F6,{KEY}\nA1B2C3D4E5F7,{OTHER}\n")
    nothing = await ras("device", "list", "--folder", folder)
    good = await ras("device", "import", table, "--folder", folder)
    again = await ras("device", "import", table, "--folder", folder)
    table.write_text(f"device_id,k_f\nA1B2C3D4E5F6,{OTHER}\n")
    other = await ras("device", "import", table, "--folder", folder)

    assert first.code == other.code == 1
    assert [line.split(": ")[0].rpartition(":")[2] for line in first.err.splitlines()[:-1]] == [
        "3",
        "4",
        "7",
    ]
    assert "nothing was imported: 3 bad lines" in first.err
    assert nothing.out == ""
    assert "imported: 2" in good.out
    assert "known: 2" in again.out
    assert "2: k_f: the device is known with another key" in other.err
    for result in first, good, again, other:
        assert KEY[:8] not in result.out + result.err


async def test_batch_with_repetitions(folder: Path, tmp_path: Path) -> None:
    """Devices and keys that come twice are named with the line they come again from."""
    table = tmp_path / "keys.csv"
    table.write_text(
        f"device_id,k_f\nA1B2C3D4E5F6,{KEY}\na1:b2:c3:d4:e5:f6,{OTHER}\nA1B2C3D4E5F8,{KEY}\n"
        f"A1B2C3D4E5FA,{'00' * 16}\n"
    )

    refused = await ras("device", "import", table, "--folder", folder)

    assert refused.err.splitlines() == [
        f"{table}:3: device_id: the same device as line 2",
        f"{table}:4: k_f: the same key as line 2",
        f"{table}:5: k_f: not a random key",
        "ras: nothing was imported: 3 bad lines",
    ]


async def test_commands(folder: Path) -> None:
    """The administrator rotates the master key, sees which is in use, and accepts the clock."""
    before = await ras("key", "status", "--folder", folder)
    rotated = await ras("key", "rotate", "--folder", folder)
    after = await ras("key", "status", "--folder", folder)
    confirmed = await ras("clock", "confirm", "--folder", folder)

    assert [each.code for each in (before, rotated, after, confirmed)] == [0, 0, 0, 0], rotated
    assert before.out != after.out
    assert "older keys: 0" in after.out
    assert "0 locks" in confirmed.out
    assert (folder / "master.key").stat().st_mode & 0o777 == 0o400
