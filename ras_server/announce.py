"""The announcement of the server on the local network, by which a home finds it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Final

from .settings import Settings
from .version import SCHEMA, VERSION

_TYPE: Final = "_igrs-ras._tcp.local."


@asynccontextmanager
async def announced(settings: Settings, server_id: str) -> AsyncIterator[None]:
    """Announce the server inside the context."""
    # A server that listens on loopback only, as in every test, does without these 15 MiB.
    from zeroconf import get_all_addresses  # noqa: PLC0415
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf  # noqa: PLC0415

    host = ip_address(settings.host)
    addresses = (
        [each for each in get_all_addresses() if not ip_address(each).is_loopback]
        if host.is_unspecified
        else [settings.host]
    )
    info = AsyncServiceInfo(
        _TYPE,
        f"{server_id}.{_TYPE}",
        port=settings.port,
        parsed_addresses=addresses,
        server=f"{server_id}.local.",
        properties={
            "server_id": server_id,
            "version": VERSION,
            "schema_min": str(SCHEMA),
            "schema_max": str(SCHEMA),
            "base_url": settings.url or f"https://{addresses[0]}:{settings.port}",
        },
    )
    async with AsyncZeroconf() as zeroconf:
        await zeroconf.async_register_service(info)
        try:
            yield
        finally:
            await zeroconf.async_unregister_service(info)
