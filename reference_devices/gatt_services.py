"""The services of a GATT server, as the native API of ESPHome tells them."""

from typing import Any

from bumble.core import UUID
from bumble.gatt_client import CharacteristicProxy, Client, ServiceProxy

_HALF = (1 << 64) - 1


async def discover(client: Client) -> list[dict[str, Any]]:
    """Return the services with their characteristics and descriptors: the fields of messages."""
    return [await _service(client, service) for service in await client.discover_services()]


async def _service(client: Client, service: ServiceProxy) -> dict[str, Any]:
    found = await client.discover_characteristics([], service)
    return {
        "uuid": _halves(service.uuid),
        "handle": service.handle,
        "characteristics": [await _characteristic(client, one) for one in found],
    }


async def _characteristic(
    client: Client, characteristic: CharacteristicProxy[bytes]
) -> dict[str, Any]:
    return {
        "uuid": _halves(characteristic.uuid),
        "handle": characteristic.handle,
        "properties": int(characteristic.properties),
        "descriptors": [
            {"uuid": _halves(descriptor.type), "handle": descriptor.handle}
            for descriptor in await client.discover_descriptors(characteristic)
        ],
    }


def _halves(uuid: UUID) -> list[int]:
    """Return the upper and the lower 64 bits."""
    number = int.from_bytes(uuid.to_bytes(force_128=True), "little")
    return [number >> 64, number & _HALF]
