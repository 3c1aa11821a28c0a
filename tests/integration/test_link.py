"""Packets go through Home Assistant's Bluetooth both ways, and its failures have names."""

import asyncio
from collections.abc import AsyncGenerator, Callable

from homeassistant.components import bluetooth
from homeassistant.core import HomeAssistant
import pytest

from igrs_codec.bsld.advert import unowned
from reference_devices.peripheral import on_air
from reference_devices.radio import RadioLink
from tests.integration.radio import HomeRadio

DEVICE = bytes.fromhex("A1B2C3D4E5F6")
ADDRESS = "A1:B2:C3:D4:E5:F6"
HELLO = bytes(20)


class Echo:
    """A lock that says HELLO and answers each packet with its reverse."""

    device = DEVICE
    advert_interval = 100
    on_notify: Callable[[int, bytes], None]
    on_close: Callable[[int], None]
    on_advert: Callable[[], None]

    def service_data(self) -> bytes:
        return unowned(window_open=False, clock_unset=True, model=1, random=bytes(5))

    def connect(self) -> int | None:
        return 1

    def disconnect(self, link: int) -> None:
        pass

    def subscribe(self, link: int, enabled: bool) -> None:
        if enabled:
            self.on_notify(link, HELLO)

    def write(self, link: int, data: bytes) -> None:
        self.on_notify(link, data[::-1])

    def read_info(self, link: int) -> bytes:
        return HELLO

    def tick(self) -> None:
        pass

    def power_cycle(self) -> None:
        pass


async def async_heard(hass: HomeAssistant, address: str) -> None:
    """Wait until Home Assistant hears a lock."""
    heard = asyncio.Event()
    stop = bluetooth.async_register_callback(
        hass,
        lambda *_: heard.set(),
        {"address": address},
        bluetooth.BluetoothScanningMode.PASSIVE,
    )
    async with asyncio.timeout(5):
        await heard.wait()
    stop()


@pytest.fixture
async def echo(hass: HomeAssistant, radio: HomeRadio, air: RadioLink) -> AsyncGenerator[Echo]:
    """Return a lock that Home Assistant hears."""
    lock = Echo()
    async with on_air(lock, await air.radio(DEVICE)):
        await async_heard(hass, ADDRESS)
        yield lock


@pytest.mark.usefixtures("echo")
async def test_packets_both_ways(hass: HomeAssistant, radio: HomeRadio) -> None:
    """Subscribing brings the HELLO; a written packet comes back as a notification."""
    from custom_components.igrs.link import Link

    link = await Link.open(hass, ADDRESS, "Door")
    assert await link.receive(1) == HELLO
    await link.write(b"abc", b"def")
    assert [await link.receive(1), await link.receive(1)] == [b"cba", b"fed"]
    assert await link.info() == HELLO
    await link.close()
    assert radio.traffic.connections == 1
