"""Whose word counts for where somebody is."""

from aiohttp import web
import pytest

from ras_server.application.evidence import POSITIONS
from tests.ras_server.application.desk import BEN
from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.application.test_operations import grant, online, operate, unlock
from tests.ras_server.application.test_sites import invite, position, put_fence
from tests.ras_server.client import Client
from tests.ras_server.conftest import MovableClock

FAR = {"lat": 0.0, "lon": 0.0, "accuracy_m": 0}


@pytest.fixture
async def ben(owner: Client, ben: Client, site: str) -> Client:
    """Return a member of a household whose door opens to who is at home."""
    await invite(owner, site, BEN)
    await put_fence(owner, site, "deny", dwell_s=0)
    return ben


@pytest.fixture
async def elsewhere(owner: Client, clock: MovableClock) -> tuple[Client, Gateway, Door]:
    """Return a stranger, his gateway, and a lock of his own."""
    stranger = await owner.another().enter("mallory@example.org")
    gateway = Gateway(await stranger.gateway())
    lock = Door(clock, device=bytes.fromhex("A1B2C3D4E5AA"))
    lock.lock.press_button(1)
    assert (await gateway.register(lock)).data["result"]["code"] == 0
    return stranger, gateway, lock


@pytest.mark.parametrize("is_guest_there", [False, True], ids=["nobody there", "guest there"])
async def test_word_of_another_home(
    home: Gateway,
    door: Door,
    clock: MovableClock,
    ben: Client,
    elsewhere: tuple[Client, Gateway, Door],
    *,
    is_guest_there: bool,
) -> None:
    """What the gateway of another home says of somebody does not keep him out of his own."""
    stranger, gateway, lock = elsewhere
    if is_guest_there:
        await grant(stranger, lock, BEN)
    later = {**FAR, "at": int(clock()) + 5}

    async with online(home, door):
        await operate(ben, door, unlock(clock) | {"position": position(clock)})
        told = unlock(clock) | {"person": ben.user_id, "position": later}
        await operate(gateway.client, lock, told | {"wait": 0})
        body = {"person": ben.user_id, "position": later}
        await gateway.client.request("PUT", "/v1/users/me/position", body)
        opened = await operate(ben, door, unlock(clock) | {"position": position(clock)})

    assert opened.code == 0, opened


async def test_word_of_the_own_home(
    home: Gateway, door: Door, clock: MovableClock, ben: Client
) -> None:
    """What the gateway of the home says of somebody counts there."""
    async with online(home, door):
        await operate(ben, door, unlock(clock) | {"position": position(clock)})
        body = {"person": ben.user_id, "position": {**FAR, "at": int(clock()) + 5}}
        told = await home.client.request("PUT", "/v1/users/me/position", body)
        refused = await operate(ben, door, unlock(clock))

    assert (told.http, refused.code) == (200, 3004)


async def test_word_about_nobody(
    app: web.Application, clock: MovableClock, elsewhere: tuple[Client, Gateway, Door]
) -> None:
    """Nothing is remembered of persons who have nothing at the lock."""
    _, gateway, lock = elsewhere
    for number in range(3):
        told = {"person": f"nobody-{number}", "position": {**FAR, "at": int(clock())}}
        assert (await operate(gateway.client, lock, unlock(clock) | told)).code == 3001

    assert [app[POSITIONS].of(f"nobody-{number}", lambda _: True) for number in range(3)] == [
        ()
    ] * 3
