"""Locks that run: a home behind a Bluetooth proxy, or one lock at a real controller.

Both keep their state in a folder: labels.json, a flash memory for each lock, and the socket at
which a person acts at the doors.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
import os
from pathlib import Path
import time
from typing import Final

from bumble import hci
from bumble.core import BaseBumbleError
from bumble.device import Device
from bumble.host import Host
from bumble.transport import open_transport
from bumble.transport.common import Transport

from .door import Door, serve_doors
from .eavesdropper import Eavesdropper
from .errors import HomeError
from .flash import open_flash
from .labels import Label, can_be_random, new_device, new_label, read_labels, write_labels
from .lock import ReferenceLock
from .peripheral import on_air
from .proxy import Identity, serve_proxy
from .radio import RadioLink

PROXY_NAME: Final = "virtual-radio"

_POWER_ON_TIMEOUT: Final = 10.0  # seconds for a controller to answer
_LOCALLY_ADMINISTERED: Final = b"\x02"


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """What runs."""

    folder: Path
    doors: list[Door]
    port: int | None = None
    """TCP port of the Bluetooth proxy."""
    lost: asyncio.Future[None] | None = None
    """Done when the controller is gone."""

    def on_end(self, tell: Callable[[], None]) -> None:
        """Have it told when something ends by itself: a lock that fails, the controller."""
        for door in self.doors:
            door.peripheral.running.add_done_callback(lambda _: tell())
        if self.lost is not None:
            self.lost.add_done_callback(lambda _: tell())


@asynccontextmanager
async def serve_home(
    folder: Path,
    *,
    locks: int,
    port: int,
    slots: int,
    hop_delay: float = 0.0,
) -> AsyncGenerator[Home]:
    """Run the first locks of a folder, and a Bluetooth proxy, until the context ends.

    Args:
        folder: Locks that it does not hold yet are made.
        locks: How many.
        port: TCP port of the proxy on the loopback address; 0 takes a free one.
        slots: How many connections the proxy can hold.
        hop_delay: Seconds that a packet of a connection spends on the air.

    Raises:
        BsldError: The home cannot start.

    """
    labels = read_labels(folder)
    missing = locks - len(labels)
    for _ in range(missing):
        labels.append(new_label(labels, new_device()))
    write_labels(folder, labels)
    air = RadioLink(hop_delay)
    eavesdropper = Eavesdropper(air)
    async with AsyncExitStack() as running:
        doors = await running.enter_async_context(serve_doors(folder))
        for label in labels[:locks]:
            hung = _hang(folder, label, await air.radio(label.device), eavesdropper)
            doors.append(await running.enter_async_context(hung))
        proxy = serve_proxy(await air.radio(), _identity(labels), port=port, slots=slots)
        try:
            served = await running.enter_async_context(proxy)
        except OSError as err:
            raise HomeError(
                f"cannot listen on port {port}: {_reason(err)}; choose another with --port"
            ) from err
        yield Home(folder=folder, doors=doors, port=served.port)


@asynccontextmanager
async def serve_lock(folder: Path, transport: str) -> AsyncGenerator[Home]:
    """Run one lock at a Bluetooth controller until the context ends.

    The device id is the public address of the controller; one without an address takes the id
    of the lock for its static random address. A lock that the folder does not hold yet is made.

    Raises:
        BsldError: The lock cannot start.

    """
    labels = read_labels(folder)
    async with await _open(transport) as opened, AsyncExitStack() as running:
        spare = next((one.device for one in labels if can_be_random(one.device)), new_device())
        radio = await _power_on(transport, opened, spare)
        public = bytes(radio.public_address)[::-1]
        device = public if any(public) else spare
        label = next((one for one in labels if one.device == device), None)
        if label is None:
            label = new_label(labels, device)
            write_labels(folder, [*labels, label])
        doors = await running.enter_async_context(serve_doors(folder))
        doors.append(await running.enter_async_context(_hang(folder, label, radio)))
        yield Home(folder=folder, doors=doors, lost=opened.source.terminated)


@asynccontextmanager
async def _hang(
    folder: Path, label: Label, radio: Device, eavesdropper: Eavesdropper | None = None
) -> AsyncGenerator[Door]:
    """Put a lock into its door and on the air."""
    try:
        lock = ReferenceLock(
            open_flash(folder / f"lock-{label.device_id}.flash"),
            device=label.device,
            k_f=label.k_f,
            clock=time.monotonic,
            rng=os.urandom,
        )
        async with on_air(lock, radio) as peripheral:
            yield Door(name=label.name, lock=lock, peripheral=peripheral, eavesdropper=eavesdropper)
    except OSError as err:
        raise HomeError(
            f"cannot keep the state of {label.name} in {folder}: {_reason(err)}"
        ) from err


async def _open(transport: str) -> Transport:
    try:
        return await open_transport(transport)
    except Exception as err:  # whatever the driver of this transport raises
        raise HomeError(
            f"cannot open {transport}: {str(err) or type(err).__name__}; see bsld lock --help"
        ) from err


async def _power_on(transport: str, opened: Transport, random_address: bytes) -> Device:
    radio = Device(
        name="BSLD",
        address=hci.Address(random_address[::-1], hci.Address.RANDOM_DEVICE_ADDRESS),
        host=Host(opened.source, opened.sink),
    )
    try:
        async with asyncio.timeout(_POWER_ON_TIMEOUT):
            await radio.power_on()
    except (BaseBumbleError, TimeoutError) as err:
        raise HomeError(f"no Bluetooth controller answers at {transport}; is it free?") from err
    return radio


def _reason(err: OSError) -> str:
    return os.strerror(err.errno) if err.errno else str(err)


def _identity(labels: list[Label]) -> Identity:
    """Return a proxy that is the same one as long as the first lock is."""
    digest = sha256(labels[0].device).digest()
    return Identity(name=PROXY_NAME, address=_LOCALLY_ADMINISTERED + digest[:5])
