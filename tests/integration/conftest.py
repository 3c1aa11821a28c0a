"""A home in one process: Home Assistant, its radio, locks on the air, and their RAS."""

from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
from homeassistant.auth.const import GROUP_ID_ADMIN
from homeassistant.auth.models import User
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from reference_devices.lock import ReferenceLock
from reference_devices.peripheral import on_air
from reference_devices.radio import RadioLink
from tests.integration.assist import expose
from tests.integration.home import DEVICE, Home, RasSwitch, gateway_entry, new_lock, register, until
from tests.integration.lock_flow import set_up
from tests.integration.people import connect
from tests.integration.radio import HomeRadio, home_radio
from tests.integration.server import Ras, running_ras
from tests.integration.watch import blocking_calls, reports


@pytest.fixture(autouse=True)
def _custom_integration(enable_custom_integrations: None) -> None:
    """Let Home Assistant find this integration."""


@pytest.fixture(autouse=True)
def blocking() -> Iterator[list[str]]:
    """Return the blocking calls that this integration made in the loop: none, when a test ends."""
    with blocking_calls() as found:
        yield found
    assert found == []


ADVERT_INTERVAL = 25  # milliseconds, a tenth of what a lock can be set to


@pytest.fixture(autouse=True)
def _not_reported(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Let Home Assistant find nothing that is used wrongly, or that a later version lacks."""
    yield
    records = [record for when in ("setup", "call") for record in caplog.get_records(when)]
    assert reports(records) == []


@pytest.fixture
def air(monkeypatch: pytest.MonkeyPatch) -> RadioLink:
    """Return the air of the home, in which nobody waits long for an advert."""
    monkeypatch.setattr(ReferenceLock, "advert_interval", ADVERT_INTERVAL)
    return RadioLink()


@pytest.fixture
async def radio(
    hass: HomeAssistant, mock_bluetooth: None, air: RadioLink
) -> AsyncGenerator[HomeRadio]:
    """Return the Bluetooth adapter of the home."""
    assert await async_setup_component(hass, "bluetooth_adapters", {})
    await hass.async_block_till_done()
    async with home_radio(hass, air) as radio:
        yield radio


@pytest.fixture
async def lock(radio: HomeRadio, air: RadioLink) -> AsyncGenerator[ReferenceLock]:
    """Return a lock on the air, as it comes out of its box."""
    lock = new_lock()
    async with on_air(lock, await air.radio(DEVICE)):
        yield lock


@pytest.fixture
async def session() -> AsyncGenerator[aiohttp.ClientSession]:
    """Return a session of the client."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def connects_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a lost push connection be made again at once."""
    monkeypatch.setattr("custom_components.igrs.push.FIRST_DELAY", 0.01)


@pytest.fixture
async def ras(socket_enabled: None, tmp_path: Path) -> AsyncGenerator[Ras]:
    """Return a running RAS at which Anna has an account."""
    async with running_ras(tmp_path) as ras:
        yield ras


@pytest.fixture
async def switch(socket_enabled: None, tmp_path: Path) -> AsyncGenerator[RasSwitch]:
    """Return a running RAS that a test can stop and start again."""
    switch = RasSwitch(tmp_path)
    await switch.start()
    yield switch
    await switch.stop()


@pytest.fixture
async def entry(
    hass: HomeAssistant, switch: RasSwitch, lock: ReferenceLock
) -> AsyncGenerator[MockConfigEntry]:
    """Return a home that is connected to its server, and hears a lock that is not registered."""
    async with set_up(hass, switch.ras) as entry:
        yield entry


@pytest.fixture
def lock_options() -> dict[str, Any]:
    """Return what is special about the lock; a test overrides it."""
    return {}


@pytest.fixture
async def home(
    hass: HomeAssistant,
    switch: RasSwitch,
    radio: HomeRadio,
    air: RadioLink,
    lock_options: dict[str, Any],
) -> AsyncGenerator[Home]:
    """Return a home whose lock is registered, heard, and has told what it can do."""
    lock = new_lock(**lock_options)
    entry = await gateway_entry(switch.ras)
    entry.add_to_hass(hass)
    async with on_air(lock, await air.radio(lock.device)) as peripheral:
        assert await hass.config_entries.async_setup(entry.entry_id)
        home = Home(
            hass=hass,
            radio=radio,
            air=air,
            lock=lock,
            switch=switch,
            entry=entry,
            peripheral=peripheral,
        )
        await until(lambda: home.gateway.online)
        await register(home, lock, "Front door")
        await home.until_state("locked")
        await home.settle()
        yield home
        if entry.state is ConfigEntryState.LOADED:
            await hass.config_entries.async_unload(entry.entry_id)
        await hass.async_block_till_done()


@pytest.fixture
async def admin(home: Home) -> User:
    """Return a user who administers Home Assistant, and is nobody at the RAS."""
    return await home.hass.auth.async_create_user("Adam", group_ids=[GROUP_ID_ADMIN])


@pytest.fixture
async def anna(home: Home) -> User:
    """Return the user who is the owner of the lock."""
    user = await home.hass.auth.async_create_user("Anna", group_ids=[GROUP_ID_ADMIN])
    return await connect(home, user, home.ras.person.user_id)


@pytest.fixture
async def manager(home: Home) -> Home:
    """Return a home that the owner lets manage people and codes."""
    gateway_id = home.entry.data["gateway_id"]
    answer = await home.ras.person.request("PUT", f"/v1/gateways/{gateway_id}/manager")
    assert answer.http == 200, answer
    return home


@pytest.fixture
async def assist(hass: HomeAssistant) -> None:
    """Set up Assist, before anything else."""
    assert await async_setup_component(hass, "homeassistant", {})
    assert await async_setup_component(hass, "conversation", {})


@pytest.fixture
async def spoken_to(assist: None, home: Home) -> Home:
    """Return a home whose lock Assist sees."""
    expose(home)
    return home
