"""One Bluetooth connection to a lock: packets in, packets out (project profile, protocol 11).

Nothing of Bluetooth leaves this module but `LinkLostError` and `LockError`.
"""

import asyncio
from contextlib import suppress
from typing import Final, Self

from bleak import BleakClient
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.exc import BleakCharacteristicNotFoundError, BleakError
import bleak_retry_connector
from bleak_retry_connector import BleakOutOfConnectionSlotsError
from homeassistant.components import bluetooth
from homeassistant.core import HomeAssistant

from .const import LOGGER
from .errors import LockError, Reason
from .igrs_codec.bsld.advert import CMD_UUID, INFO_UUID, RSP_UUID
from .timeline import Stage, note

CONNECT_TIMEOUT: Final = 10  # seconds for one attempt
CONNECT_ATTEMPTS: Final = 2  # nothing was written yet
MORE_ATTEMPTS: Final = 1  # where several adapters hear it: one that fails twice is left
CLOSE_TIMEOUT: Final = 5  # seconds

# What bleak lets through; an EOFError is a lost D-Bus.
_BLUETOOTH_ERRORS: Final = (BleakError, TimeoutError, EOFError, OSError)


class LinkLostError(Exception):
    """The connection ended, or never carried what it was given."""


class Link:
    """A connected lock.

    Packets have 20 bytes, one for each write and notification.
    """

    def __init__(self) -> None:
        """Wait for a client."""
        self._client: BleakClient | None = None
        self._received: asyncio.Queue[bytes] = asyncio.Queue()

    @classmethod
    async def open(cls, hass: HomeAssistant, address: str, name: str) -> Self:
        """Connect to the lock, or raise LockError."""
        several = len(_scanners(hass, address)) > 1
        attempts = CONNECT_ATTEMPTS + several * MORE_ATTEMPTS
        for attempt in range(1, attempts + 1):
            link = cls()
            try:
                await link._connect(hass, address, name)
            except _BLUETOOTH_ERRORS as err:
                LOGGER.debug("%s: no connection: %r", name, err)
                if attempt == attempts or is_full(hass, address):
                    raise _unreachable(hass, address, err) from err
            else:
                note(Stage.CONNECTED)
                return link
        raise AssertionError  # the loop returns or raises

    async def _connect(self, hass: HomeAssistant, address: str, name: str) -> None:
        device = bluetooth.async_ble_device_from_address(hass, address, connectable=True)
        if device is None:
            raise explained(hass, address, Reason.OUT_OF_RANGE)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                # Both names are looked up now: Home Assistant's Bluetooth replaces them.
                self._client = await bleak_retry_connector.establish_connection(
                    bleak_retry_connector.BleakClientWithServiceCache,
                    device,
                    name,
                    disconnected_callback=self._lost,
                    max_attempts=1,
                    ble_device_callback=lambda: (
                        bluetooth.async_ble_device_from_address(hass, address, connectable=True)
                        or device
                    ),
                )
                await self._subscribe(self._client)
        except BaseException:
            await self.close()
            raise

    async def _subscribe(self, client: bleak_retry_connector.BleakClientWithServiceCache) -> None:
        """Enable notifications; services that lack them are those of an older visit."""
        try:
            await client.start_notify(RSP_UUID, self._notified)
        except BleakCharacteristicNotFoundError:
            await client.clear_cache()
            raise

    def _notified(self, _: BleakGATTCharacteristic, data: bytearray) -> None:
        with suppress(asyncio.QueueShutDown):  # too late
            self._received.put_nowait(bytes(data))

    def _lost(self, _: BleakClient) -> None:
        self._received.shutdown()

    async def write(self, *packets: bytes) -> None:
        """Write packets without waiting in between, or raise LinkLostError."""
        client = self._connected()
        try:
            for packet in packets:
                await client.write_gatt_char(CMD_UUID, packet, response=False)
        except _BLUETOOTH_ERRORS as err:
            raise LinkLostError from err

    async def receive(self, seconds: float | None) -> bytes:
        """Return the next notification, or raise TimeoutError or LinkLostError."""
        try:
            async with asyncio.timeout(seconds):
                return await self._received.get()
        except asyncio.QueueShutDown:
            raise LinkLostError from None

    async def info(self) -> bytes:
        """Return the present HELLO of the link (empty before the first)."""
        try:
            return bytes(await self._connected().read_gatt_char(INFO_UUID))
        except _BLUETOOTH_ERRORS as err:
            raise LinkLostError from err

    async def close(self) -> None:
        """Disconnect; a connection that is already gone does not matter."""
        if self._client is None:
            return
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._client.disconnect()
        except _BLUETOOTH_ERRORS as err:
            LOGGER.debug("Disconnecting failed: %r", err)

    @property
    def connected(self) -> bool:
        """Whether the connection is there, as far as Bluetooth knows."""
        return self._client is not None and self._client.is_connected

    def _connected(self) -> BleakClient:
        if self._client is None or not self.connected:
            raise LinkLostError
        return self._client


def is_full(hass: HomeAssistant, address: str) -> bool:
    """Return whether every scanner that hears the lock has all its connections taken.

    One that does not tell counts as free.
    """
    allocations = [found.scanner.get_allocations() for found in _scanners(hass, address)]
    return bool(allocations) and all(
        slots is not None and slots.slots and not slots.free for slots in allocations
    )


def _scanners(hass: HomeAssistant, address: str) -> list[bluetooth.BluetoothScannerDevice]:
    return bluetooth.async_scanner_devices_by_address(hass, address, connectable=True)


def _unreachable(hass: HomeAssistant, address: str, err: Exception) -> LockError:
    full = isinstance(err, BleakOutOfConnectionSlotsError) or is_full(hass, address)
    return explained(hass, address, Reason.NO_SLOT if full else Reason.NOT_CONNECTED)


def explained(hass: HomeAssistant, address: str, reason: Reason) -> LockError:
    """Return an error that carries Home Assistant's own explanation."""
    return LockError(
        reason,
        why=bluetooth.async_address_reachability_diagnostics(
            hass, address, bluetooth.BluetoothReachabilityIntent.CONNECTION
        ),
    )
