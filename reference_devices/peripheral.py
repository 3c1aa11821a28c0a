"""A reference lock on the air: GATT server and advertisements (project profile, protocol 11).

The peripheral moves bytes between a Bumble device and a lock, and knows nothing of what they
mean. The device is a virtual radio or a real controller.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
import logging
import time
from typing import Final, Protocol, override

from bumble import att, hci
from bumble.core import UUID, BaseBumbleError
from bumble.device import AdvertisingType, Connection, Device
from bumble.gatt import Characteristic, CharacteristicValue, Service
from bumble.gatt_server import Server
from bumble.pairing import PairingConfig, PairingDelegate

from igrs_codec.bsld.advert import (
    CMD_UUID,
    INFO_UUID,
    RSP_UUID,
    SERVICE_UUID,
    adv_ind,
    scan_response,
)

from .radio import hang_up, public_address

_LOGGER: Final = logging.getLogger(__name__)

_LONGEST_WAIT: Final = 1.0  # seconds between two looks at the timers of a lock
_SHORTEST_WAIT: Final = 0.01


class Lock(Protocol):
    """What the peripheral asks of a lock.

    A link is a number 1..255. It stays the lock's until disconnect(), also after on_close().
    """

    on_notify: Callable[[int, bytes], None]
    on_close: Callable[[int], None]
    on_advert: Callable[[], None]

    @property
    def device(self) -> bytes:
        """The device id, 6 bytes."""

    @property
    def advert_interval(self) -> int:
        """The time between two advertisements, in milliseconds."""

    def service_data(self) -> bytes:
        """Return the 10 bytes to advertise now, or none to stay silent."""

    def connect(self) -> int | None:
        """Open a link, or return None if there is no place for one."""

    def disconnect(self, link: int) -> None:
        """Give a link back that is down."""

    def subscribe(self, link: int, enabled: bool) -> None:  # noqa: FBT001 (one bit of GATT)
        """Take over the notification bit that a client wrote."""

    def write(self, link: int, data: bytes) -> None:
        """Take a packet from a client."""

    def read_info(self, link: int) -> bytes:
        """Return the value of INFO for this link."""

    def next_deadline(self) -> float:
        """Return when tick() has something to do, on the lock's clock."""

    def tick(self) -> None:
        """Let the timers act that are due."""

    def power_cycle(self) -> None:
        """Lose what is not in flash, and boot."""


@asynccontextmanager
async def on_air(
    lock: Lock, device: Device, *, clock: Callable[[], float] = time.monotonic
) -> AsyncGenerator[Peripheral]:
    """Serve a lock at a new, powered device until the context ends.

    The device needs the id of the lock as its public address, or as its random address; the
    clock is the one that the lock was given, in seconds.
    """
    own_address_type = (
        hci.OwnAddressType.PUBLIC
        if device.public_address == public_address(lock.device)
        else hci.OwnAddressType.RANDOM
    )
    peripheral = Peripheral(lock, device, own_address_type, clock)
    try:
        yield peripheral
    finally:
        peripheral.stop()
        await peripheral.running


class Peripheral:
    """One lock at one Bluetooth device; see on_air."""

    def __init__(
        self,
        lock: Lock,
        device: Device,
        own_address_type: hci.OwnAddressType,
        clock: Callable[[], float],
    ) -> None:
        self.lock = lock
        self.accepted = 0
        """How many connections there were."""
        self.cut_after = 0
        """After so many steps (subscribing, a write, a notification) a link breaks; 0: none."""
        self._clock = clock
        self._device = device
        self._own_address_type = own_address_type
        self._connections: dict[int, Connection] = {}
        self._hanging_up: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self._news.set()
        self._stopped = False
        self._interval = lock.advert_interval
        self._response = Characteristic[bytes](
            UUID(RSP_UUID), Characteristic.Properties.NOTIFY, Characteristic.Permissions(0)
        )
        self._response.on(self._response.EVENT_SUBSCRIPTION, self._on_subscription)
        device.add_service(
            Service(
                UUID(SERVICE_UUID),
                [
                    Characteristic(
                        UUID(CMD_UUID),
                        Characteristic.Properties.WRITE
                        | Characteristic.Properties.WRITE_WITHOUT_RESPONSE,
                        Characteristic.Permissions.WRITEABLE,
                        CharacteristicValue(write=self._on_write),
                    ),
                    self._response,
                    Characteristic(
                        UUID(INFO_UUID),
                        Characteristic.Properties.READ,
                        Characteristic.Permissions.READABLE,
                        CharacteristicValue(read=self._on_read_info),
                    ),
                ],
            )
        )
        _enforce_permissions(device.gatt_server)
        device.pairing_config_factory = lambda _: PairingConfig(delegate=_NoPairing())
        device.on(device.EVENT_CONNECTION, self._on_connection)
        self.running = asyncio.create_task(self._run())
        """Ends with stop(), or earlier with the error of the lock."""
        lock.on_notify = self._notify
        lock.on_close = self._close
        lock.on_advert = self._news.set

    async def _run(self) -> None:
        """Advertise what the lock says, and drive its timers, until stopped.

        Never cancel it: Bumble's host does not survive a command that nobody waits for.
        """
        try:
            while not self._stopped:
                if self._news.is_set() or not self._device.is_advertising:
                    self._news.clear()
                    await self._advertise()
                wait = self.lock.next_deadline() - self._clock()
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(max(wait, _SHORTEST_WAIT), _LONGEST_WAIT)):
                        await self._news.wait()
                self.lock.tick()
        finally:
            await self._fall_silent()

    def stop(self) -> None:
        """Let it hang up and end."""
        self._stopped = True
        self._news.set()

    def power_cycle(self) -> None:
        """Take the battery out and put it in again: every link is lost."""
        for link in tuple(self._connections):
            self._close(link)
            self._forget(link)
        self.lock.power_cycle()

    async def _fall_silent(self) -> None:
        for link in tuple(self._connections):
            self._close(link)
        if self._hanging_up:
            await asyncio.wait(self._hanging_up)
        with suppress(BaseBumbleError):
            await self._device.stop_advertising()
        await self._device.power_off()

    async def _advertise(self) -> None:
        """Have on the air what the lock says."""
        service_data = self.lock.service_data()
        interval = self.lock.advert_interval
        running = self._device.legacy_advertising_set
        try:
            if not service_data:
                await self._device.stop_advertising()
            elif running is not None and running.enabled and interval == self._interval:
                # Not anew: a client that answers in the gap would be left without an answer.
                await running.set_advertising_data(adv_ind(service_data))
            else:
                self._interval = interval
                await self._device.start_advertising(
                    advertising_type=AdvertisingType.UNDIRECTED_CONNECTABLE_SCANNABLE,
                    own_address_type=self._own_address_type,
                    advertising_data=adv_ind(service_data),
                    scan_response_data=scan_response(self.lock.device),
                    advertising_interval_min=interval,
                    advertising_interval_max=interval,
                )
        except (BaseBumbleError, AttributeError) as err:
            # A small controller cannot while it is connected; and Bumble can take the answer to
            # another command for the one it waits for. The next tick tries again.
            _LOGGER.debug("Not advertising: %s", err)

    def _on_connection(self, connection: Connection) -> None:
        self.accepted += 1
        link = self.lock.connect()
        if link is None:
            self._hang_up(connection)
            return
        self._connections[link] = connection
        connection.once(
            connection.EVENT_DISCONNECTION, lambda _: self._on_disconnection(connection)
        )
        self._news.set()

    def _on_disconnection(self, connection: Connection) -> None:
        if (link := self._link(connection)) is not None:
            self._forget(link)
        self._news.set()

    def _on_subscription(self, connection: Connection, notify: bool, _indicate: bool) -> None:  # noqa: FBT001 (Bumble's form)
        if (link := self._link(connection)) is not None:
            self._take(link, lambda: self.lock.subscribe(link, notify))

    def _on_write(self, connection: Connection, data: bytes) -> None:
        if (link := self._link(connection)) is not None:
            self._take(link, lambda: self.lock.write(link, data))

    def _on_read_info(self, connection: Connection) -> bytes:
        link = self._link(connection)
        return b"" if link is None else self.lock.read_info(link)

    def _link(self, connection: Connection) -> int | None:
        return next((link for link, at in self._connections.items() if at is connection), None)

    def _notify(self, link: int, packet: bytes) -> None:
        if (connection := self._connections.get(link)) is None:
            return  # it broke while the lock had more to say
        # Not by the GATT server: it would start a task, and the order would be left to luck.
        connection.send_l2cap_pdu(
            att.ATT_CID,
            bytes(
                att.ATT_Handle_Value_Notification(
                    attribute_handle=self._response.handle, attribute_value=packet
                )
            ),
        )

        if self._is_last():
            self._close(link)
            self._forget(link)

    def _take(self, link: int, take: Callable[[], None]) -> None:
        """Let the lock take something; if it is the last step before a break, nothing answers."""
        broken = self._connections.pop(link) if self._is_last() else None
        take()
        if broken is not None:
            self.lock.disconnect(link)
            self._hang_up(broken)

    def _is_last(self) -> bool:
        """Count a step, and return whether the link breaks with it."""
        self.cut_after = max(0, (before := self.cut_after) - 1)
        return before == 1

    def _close(self, link: int) -> None:
        if (connection := self._connections.get(link)) is not None:
            self._hang_up(connection)

    def _forget(self, link: int) -> None:
        del self._connections[link]
        self.lock.disconnect(link)

    def _hang_up(self, connection: Connection) -> None:
        task = asyncio.create_task(hang_up(connection))
        self._hanging_up.add(task)
        task.add_done_callback(self._hanging_up.discard)


def _enforce_permissions(server: Server) -> None:
    """Refuse what an attribute does not permit: Bumble lets everything be overwritten."""
    for attribute in server.attributes:
        if not attribute.permissions & att.Attribute.READABLE:
            setattr(attribute, "read_value", _not_readable)  # noqa: B010 (mypy forbids the other)
        if not attribute.permissions & att.Attribute.WRITEABLE:
            setattr(attribute, "write_value", _not_writable)  # noqa: B010


async def _not_readable(_bearer: object) -> bytes:
    raise att.ATT_Error(att.ATT_READ_NOT_PERMITTED_ERROR)


async def _not_writable(_bearer: object, _value: bytes) -> None:
    raise att.ATT_Error(att.ATT_WRITE_NOT_PERMITTED_ERROR)


class _NoPairing(PairingDelegate):
    """Refuse to pair: the protocol brings its own keys."""

    @override
    async def accept(self) -> bool:
        return False
