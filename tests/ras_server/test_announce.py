"""The announcement on the local network; the network itself is not used."""

from dataclasses import replace
from typing import Any, Self

import pytest
import zeroconf
from zeroconf.asyncio import AsyncServiceInfo

from ras_server.announce import announced
from ras_server.settings import Settings


class Air:
    """What would have been sent."""

    def __init__(self) -> None:
        """Begin in silence."""
        self.services: list[AsyncServiceInfo] = []

    async def __aenter__(self) -> Self:
        """Be a responder."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Be one no longer."""

    async def async_register_service(self, info: AsyncServiceInfo) -> None:
        """Announce."""
        self.services.append(info)

    async def async_unregister_service(self, info: AsyncServiceInfo) -> None:
        """Take back."""
        self.services.remove(info)


@pytest.mark.parametrize(
    ("chosen", "address", "base_url"),
    [
        pytest.param(
            {"host": "192.0.2.7"}, "192.0.2.7", "https://192.0.2.7:8470", id="one address"
        ),
        pytest.param({"host": "::"}, "192.0.2.8", "https://192.0.2.8:8470", id="all addresses"),
        pytest.param(
            {"host": "::", "url": "https://ras.example.org"},
            "192.0.2.8",
            "https://ras.example.org",
            id="name",
        ),
    ],
)
async def test_announced(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    chosen: dict[str, Any],
    address: str,
    base_url: str,
) -> None:
    """A home finds the server's address, identity and versions; afterwards it finds nothing."""
    air = Air()
    monkeypatch.setattr("zeroconf.asyncio.AsyncZeroconf", lambda: air)
    monkeypatch.setattr(zeroconf, "get_all_addresses", lambda: ["127.0.0.1", "192.0.2.8"])

    async with announced(replace(settings, **chosen), "ras-1"):
        (service,) = air.services
        found = service.decoded_properties

    assert service.type == "_igrs-ras._tcp.local."
    assert service.parsed_addresses() == [address]
    assert found == {
        "server_id": "ras-1",
        "version": "0.1.0",
        "schema_min": "1",
        "schema_max": "1",
        "base_url": base_url,
    }
    assert air.services == []
