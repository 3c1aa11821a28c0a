"""A home in a folder, with real locks: what a person does at a door is on the air."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
import errno
from pathlib import Path
import socket
import stat
from typing import Any, Final

from aioesphomeapi import APIClient
from bumble import hci
from bumble.transport import open_transport
import pytest

from igrs_codec.bsld.advert import CMD_UUID, RSP_UUID, AdvertState, decode, parse_unowned
from igrs_codec.bsld.frame import Bolt, Door as DoorState
from igrs_codec.bsld.keys import advert_key
from igrs_codec.bsld.lock_state import Ownership
from reference_devices.door import ask
from reference_devices.errors import BsldError
from reference_devices.flash import FileMedium, open_flash
from reference_devices.home import Home, serve_home, serve_lock
from reference_devices.labels import new_label, read_labels, write_labels
from reference_devices.radio import RadioController, RadioLink, public_address
from tests.radio.parts import DEVICE, Client, Connection

pytestmark = pytest.mark.usefixtures("local_sockets")

K_D: Final = bytes(range(16))
SERVICE_DATA: Final = slice(21, 31)


class Ear:
    """A client of the proxy that keeps the newest service data of each lock."""

    def __init__(self, api: APIClient) -> None:
        self._heard: dict[int, bytes] = {}
        self._news = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        api.subscribe_bluetooth_le_raw_advertisements(self._hear)

    async def hear(self, device: bytes, *, other_than: bytes = b"") -> bytes:
        """Return the service data of a lock, when it is heard and not the same as before."""
        address = int.from_bytes(device)
        async with asyncio.timeout(5), self._news:
            await self._news.wait_for(lambda: self._heard.get(address, other_than) != other_than)
        return self._heard[address]

    def _hear(self, message: Any) -> None:
        for advert in message.advertisements:
            self._heard[advert.address] = advert.data[SERVICE_DATA]
        task = asyncio.create_task(self._tell())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()


@pytest.fixture
async def home(tmp_path: Path) -> AsyncGenerator[Home]:
    """Return a home of one owned and one unowned lock."""
    label = new_label([], DEVICE)
    write_labels(tmp_path, [label])
    flash = open_flash(tmp_path / f"lock-{label.device_id}.flash")
    flash.write_ownership(bytes(Ownership(gen=1, k_d=K_D)))
    async with serve_home(tmp_path, locks=2, port=0, slots=3) as home:
        yield home


@pytest.fixture
async def ear(home: Home) -> AsyncGenerator[Ear]:
    """Return somebody who hears the home through its proxy."""
    api = APIClient("127.0.0.1", home.port or 0, None)
    await api.connect(login=True)
    yield Ear(api)
    await api.disconnect()


def _state(service_data: bytes) -> AdvertState:
    state = decode(advert_key(K_D, DEVICE, 1), DEVICE, service_data, 0)
    assert state is not None
    return state


async def _act(home: Home, device: str, *action: str) -> dict[str, Any]:
    return await ask(home.folder, {"device": device, "action": list(action)})


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        pytest.param([("knob", "unlock")], {"bolt": Bolt.UNLOCKED}, id="knob"),
        pytest.param([("door", "open")], {"door": DoorState.OPEN}, id="door"),
        pytest.param([("finger", "3")], {"bolt": Bolt.UNLOCKED}, id="finger"),
        pytest.param([("battery", "7")], {"battery_low": True}, id="battery"),
        pytest.param([("tamper",)], {"alarm": True}, id="tamper"),
    ],
)
async def test_act_is_heard(
    home: Home, ear: Ear, actions: list[tuple[str, ...]], expected: dict[str, Any]
) -> None:
    """What is done at the door of an owned lock shows in its next advert, in cipher."""
    before = await ear.hear(DEVICE)
    for action in actions:
        await _act(home, "Front door", *action)

    state = _state(await ear.hear(DEVICE, other_than=before)).state
    assert {name: getattr(state, name) for name in expected} == expected


async def test_button_is_heard(home: Home, ear: Ear) -> None:
    """The inside button of an unowned lock opens its pairing window, which all can hear."""
    unowned = home.doors[1]
    before = await ear.hear(unowned.lock.device)
    assert not parse_unowned(before).window_open
    answer = await _act(home, unowned.device_id, "button")

    assert answer["locks"][0]["window_open"]
    assert parse_unowned(await ear.hear(unowned.lock.device, other_than=before)).window_open


async def test_long_press(home: Home, ear: Ear) -> None:
    """Ten seconds on the inside button make a lock nobody's."""
    before = await ear.hear(DEVICE)
    await _act(home, "Front door", "button", "10")

    parse_unowned(await ear.hear(DEVICE, other_than=before))


async def test_power(home: Home) -> None:
    """Without its battery a lock forgets the time, and records that it booted."""
    (before,) = (await _act(home, "Front door"))["locks"]
    (after,) = (await _act(home, "Front door", "power"))["locks"]

    assert after["events"] == before["events"] + 1


async def test_wrong_code(home: Home) -> None:
    """A wrong code is not accepted, and the bolt stays."""
    answer = await _act(home, "Front door", "code", "1234567890")

    assert answer["accepted"] is False
    assert answer["locks"][0]["bolt"] == "locked"


async def test_jam(home: Home) -> None:
    """A lock that was made to jam says so when it is to move next."""
    await _act(home, "Front door", "jam")

    assert home.doors[0].lock._motor._jams


async def test_replay(home: Home) -> None:
    """An attacker writes the last connection again; the lock greets him anew and refuses it."""
    assert (await _act(home, "Front door", "replay"))["written"] == 0
    api = APIClient("127.0.0.1", home.port or 0, None)
    await api.connect(login=True)
    lock = Connection(api)
    await lock.open()
    handles = await lock.handles()
    received: asyncio.Queue[bytes] = asyncio.Queue()
    await api.bluetooth_gatt_start_notify(
        lock.address, handles[RSP_UUID], lambda _, data: received.put_nowait(bytes(data))
    )
    await api.bluetooth_gatt_write_descriptor(lock.address, handles["cccd"], b"\1\0")
    for _ in range(2):
        await api.bluetooth_gatt_write(lock.address, handles[CMD_UUID], b"D" * 20, response=False)
    hello, *errors = [await received.get() for _ in range(3)]
    await api.disconnect()

    answer = await _act(home, "Front door", "replay")
    again, *refused = [bytes.fromhex(packet) for packet in answer["notified"]]
    assert answer["written"] == 3
    assert again != hello
    assert refused == errors == [b"`\0DD" + bytes(16)] * 2
    assert answer["locks"][0]["connections"] == 2
    assert answer["locks"][0]["bolt"] == "locked"


async def test_all(home: Home) -> None:
    """Without a device all locks are told, and no secret of theirs."""
    answer = await ask(home.folder, {})

    assert [lock["name"] for lock in answer["locks"]] == ["Front door", "Back door"]
    for label in read_labels(home.folder):
        assert label.setup_code not in str(answer)
        assert label.k_f.hex() not in str(answer).lower()


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        pytest.param({"device": "Cellar", "action": ["jam"]}, "no lock Cellar", id="device"),
        pytest.param({"device": "Front door", "action": ["kick"]}, "kick", id="action"),
        pytest.param({"device": "Front door", "action": ["knob"]}, "knob lock", id="missing"),
        pytest.param({"device": "Front door", "action": ["jam", "1"]}, "write: jam$", id="extra"),
        pytest.param({"device": "Front door", "action": ["knob", "up"]}, "up", id="choice"),
        pytest.param({"device": "Front door", "action": ["battery", "101"]}, "100", id="number"),
        pytest.param({"device": "Front door", "action": ["code", "12a"]}, "digits", id="code"),
        pytest.param({"device": "Front door"}, "version", id="request"),
        pytest.param([1], "version", id="not a request"),
        pytest.param({"device": 1, "action": 1}, "version|no lock 1", id="type"),
    ],
)
async def test_refused(home: Home, request_: Any, message: str) -> None:
    """What nobody can do at a door is refused with what can be done."""
    with pytest.raises(BsldError, match=message):
        await ask(home.folder, request_)


async def test_disk_full(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that cannot keep what happened to it says so."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(FileMedium, "program", fail)
    with pytest.raises(BsldError, match="cannot keep its state: No space left"):
        await _act(home, "Front door", "knob", "unlock")


async def test_nobody_there(tmp_path: Path) -> None:
    """To act where nothing runs says how to start it."""
    with pytest.raises(BsldError, match=f"bsld home --folder {tmp_path}"):
        await ask(tmp_path, {})


async def test_one_process_a_folder(home: Home) -> None:
    """A folder that is served cannot be served again, and goes on."""
    with pytest.raises(BsldError, match="already"):
        async with serve_home(home.folder, locks=1, port=0, slots=3):
            pass

    assert (await ask(home.folder, {}))["locks"]


async def test_port_taken(home: Home, tmp_path: Path) -> None:
    """A port that is taken is told, with the option to choose another."""
    with pytest.raises(BsldError, match="--port"):
        async with serve_home(tmp_path / "other", locks=1, port=home.port or 0, slots=3):
            pass


async def test_killed_home(tmp_path: Path) -> None:
    """A socket that a killed process left behind is no hindrance."""
    async with serve_home(tmp_path, locks=1, port=0, slots=3):
        pass
    left_over = socket.socket(socket.AF_UNIX)
    left_over.bind(str(tmp_path / "home.sock"))
    left_over.close()

    async with serve_home(tmp_path, locks=1, port=0, slots=3):
        assert (await ask(tmp_path, {}))["locks"]


async def test_home_is_kept(tmp_path: Path) -> None:
    """Labels and states outlast a restart; more locks can join; the proxy stays the same."""
    async with serve_home(tmp_path, locks=1, port=0, slots=3) as home:
        await _act(home, "Front door", "knob", "unlock")
        (before,) = read_labels(tmp_path)
        info = await _device_info(home)

    async with serve_home(tmp_path, locks=2, port=0, slots=3) as home:
        (first, second) = (await ask(tmp_path, {}))["locks"]
        assert (first["device_id"], first["bolt"]) == (before.device_id, "unlocked")
        assert second["name"] == "Back door"
        assert await _device_info(home) == info
    assert read_labels(tmp_path)[0] == before


async def _device_info(home: Home) -> Any:
    api = APIClient("127.0.0.1", home.port or 0, None)
    await api.connect(login=True)
    try:
        return await api.device_info()
    finally:
        await api.disconnect()


async def test_secrets_are_kept(tmp_path: Path) -> None:
    """Nobody but the owner of the folder can read labels and flash, or act at a door."""
    folder = tmp_path / "new"
    async with serve_home(folder, locks=1, port=0, slots=3):
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}

        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert set(modes.values()) == {0o600}
        assert {"labels.json", "home.sock"} < set(modes)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{", id="no JSON"),
        pytest.param("[{}]", id="no label"),
        pytest.param('[{"device_id": "A1B2C3D4E5F6", "name": "x", "setup_code": "A"}]', id="code"),
    ],
)
async def test_damaged_labels(tmp_path: Path, text: str) -> None:
    """Damaged labels stop the home, and are left as they are."""
    path = tmp_path / "labels.json"
    path.write_text(text)
    with pytest.raises(BsldError, match="damaged"):
        async with serve_home(tmp_path, locks=1, port=0, slots=3):
            pass

    assert path.read_text() == text


@asynccontextmanager
async def _controller(path: Path, air: RadioLink, device: bytes | None) -> AsyncGenerator[str]:
    """Serve a controller at a socket, as a dongle would be, and give Bumble's name for it."""
    controller = RadioController(air, None if device is None else public_address(device))
    transport = await open_transport(f"unix-server:{path}")
    transport.source.set_packet_sink(controller)
    controller.set_packet_sink(transport.sink)
    sink: Any = transport.sink
    yield f"unix-client:{path}"
    controller.host_gone()
    sink.transport.abort()
    await transport.close()


async def test_lock_at_a_controller(tmp_path: Path, air: RadioLink) -> None:
    """A lock at a controller takes its address for device id, and serves there."""
    async with (
        _controller(tmp_path / "hci", air, DEVICE) as transport,
        serve_lock(tmp_path, transport) as home,
    ):
        (door,) = home.doors
        assert door.device_id == "A1B2C3D4E5F6"
        client = await Client.connect(await air.radio())
        await client.subscribe()
        hello = await client.received.get()
        assert (len(hello), hello[0]) == (20, 0x73)
        assert (await _act(home, door.device_id))["locks"][0]["links"] == 1


async def test_lock_at_a_controller_without_address(tmp_path: Path, air: RadioLink) -> None:
    """Without an address of the controller the lock has a static random one, and keeps it."""
    central = await air.radio()
    ids = []
    for attempt in range(2):
        async with (
            _controller(tmp_path / f"hci{attempt}", air, None) as transport,
            serve_lock(tmp_path, transport) as home,
        ):
            (door,) = home.doors
            ids.append(door.device_id)
            address = hci.Address(door.lock.device[::-1], hci.Address.RANDOM_DEVICE_ADDRESS)
            connection = await central.connect(address, timeout=5)
            await connection.disconnect()

    assert ids[0] == ids[1]


async def test_controller_is_gone(tmp_path: Path, air: RadioLink) -> None:
    """A controller that is unplugged is noticed."""
    async with AsyncExitStack() as plugged:
        transport = await plugged.enter_async_context(_controller(tmp_path / "hci", air, DEVICE))
        async with serve_lock(tmp_path, transport) as home:
            assert home.lost is not None
            assert not home.lost.done()
            await plugged.aclose()

            async with asyncio.timeout(2):
                await home.lost


@pytest.mark.parametrize("transport", ["usb", "nothing:0", "tcp-client:127.0.0.1:1"])
async def test_bad_transport(tmp_path: Path, transport: str) -> None:
    """A controller that cannot be had is told, and no label is made."""
    with pytest.raises(BsldError, match=f"cannot open {transport}"):
        async with serve_lock(tmp_path, transport):
            pass

    assert not read_labels(tmp_path)
