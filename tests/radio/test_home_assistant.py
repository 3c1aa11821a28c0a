"""The proxy behind the ESPHome integration of Home Assistant: the way a person's home goes."""

import asyncio
from collections.abc import AsyncGenerator

import bleak_retry_connector
from bleak_retry_connector import establish_connection
from habluetooth import BluetoothServiceInfoBleak
from homeassistant.components import bluetooth
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from igrs_codec.bsld.advert import CMD_UUID, INFO_UUID, RSP_UUID, SERVICE_UUID
from reference_devices.proxy import Identity, serve_proxy
from reference_devices.radio import RadioLink
from tests.radio.parts import UNOWNED

pytestmark = pytest.mark.usefixtures("socket_enabled", "enable_bluetooth", "mock_async_zeroconf")

LOCK = "A1:B2:C3:D4:E5:F6"
IDENTITY = Identity(name="virtual-radio", address=bytes.fromhex("02AABBCCDDEE"))


@pytest.fixture
async def entry(hass: HomeAssistant, air: RadioLink) -> AsyncGenerator[MockConfigEntry]:
    """Return the entry of the proxy, set up."""
    async with serve_proxy(await air.radio(), IDENTITY, port=0, slots=3) as proxy:
        entry = MockConfigEntry(
            domain="esphome",
            unique_id="02:aa:bb:cc:dd:ee",
            data={
                "host": "127.0.0.1",
                "port": proxy.port,
                "password": "",
                "noise_psk": "",
                "device_name": IDENTITY.name,
            },
        )
        entry.add_to_hass(hass)
        # The integration needs it for voice only.
        hass.config.components.add("assist_pipeline")
        assert await hass.config_entries.async_setup(entry.entry_id)
        yield entry
        await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.usefixtures("peripheral")
async def test_exchange(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Home Assistant hears the lock, connects, subscribes, and the lock answers."""
    heard: asyncio.Queue[BluetoothServiceInfoBleak] = asyncio.Queue()
    bluetooth.async_register_callback(
        hass,
        lambda info, _: heard.put_nowait(info),
        {"service_data_uuid": SERVICE_UUID},
        bluetooth.BluetoothScanningMode.PASSIVE,
    )
    info = await heard.get()
    assert entry.state is ConfigEntryState.LOADED
    assert (info.address, info.service_data) == (LOCK, {SERVICE_UUID: UNOWNED})
    assert info.connectable

    device = bluetooth.async_ble_device_from_address(hass, LOCK, connectable=True)
    assert device is not None
    lost = asyncio.Event()
    client = await establish_connection(
        bleak_retry_connector.BleakClientWithServiceCache,
        device,
        "lock",
        disconnected_callback=lambda _: lost.set(),
    )
    received: asyncio.Queue[bytes] = asyncio.Queue()
    await client.start_notify(RSP_UUID, lambda _, data: received.put_nowait(bytes(data)))
    for number in range(5):
        await client.write_gatt_char(CMD_UUID, bytes([number]), response=False)

    assert await received.get() == b"hello"
    assert [await received.get() for _ in range(5)] == [bytes([n]) for n in range(5)]
    assert await client.read_gatt_char(INFO_UUID) == b"link 1"

    await client.write_gatt_char(CMD_UUID, b"close", response=False)
    await lost.wait()
