"""A connection whose beginning or end goes wrong leaves nothing behind."""

from typing import Any

from bleak.exc import BleakError
import pytest

from custom_components.igrs.link import Link
from igrs_codec.bsld.frame import Bolt
from tests.integration.bumble_client import BumbleClient
from tests.integration.home import Home


async def test_cache_that_cannot_be_cleared(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link without services is given up, also where the adapter does not forget them."""

    async def clear_cache(_: BumbleClient) -> bool:
        raise BleakError

    monkeypatch.setattr(BumbleClient, "clear_cache", clear_cache, raising=False)
    home.radio.faults.hide_services = 1

    await home.call("unlock")

    assert home.lock.state.bolt is Bolt.UNLOCKED
    assert home.radio.traffic.connections == 2
    assert len(home.radio.clients) == 1


async def test_notified_too_late(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A notification that comes after the end of its link disturbs nobody."""
    links: list[Link] = []
    connect = Link._connect

    async def remembered(link: Link, *args: Any) -> None:
        links.append(link)
        await connect(link, *args)

    monkeypatch.setattr(Link, "_connect", remembered)
    await home.call("unlock")
    await home.settle()
    (link,) = links
    assert not link.connected
    notified: Any = link._notified

    notified(None, bytearray(20))
