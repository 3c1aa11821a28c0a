"""What may be shown to others about a home: only what is named here.

No address, account, device id, name of a person or a door, key, ticket or code.
"""

from typing import Any
from urllib.parse import urlsplit

from homeassistant.const import CONF_URL
from homeassistant.core import HomeAssistant

from .const import CONF_FINGERPRINT
from .coordinator import IgrsCoordinator
from .gateway import IgrsConfigEntry


async def async_get_config_entry_diagnostics(
    _: HomeAssistant, entry: IgrsConfigEntry
) -> dict[str, Any]:
    """Return the state of a home's gateway and of its locks, which are only numbered."""
    gateway = entry.runtime_data
    return {
        "server": {
            "scheme": urlsplit(entry.data[CONF_URL]).scheme,
            "pinned": entry.data[CONF_FINGERPRINT] is not None,
            "online": gateway.online,
        },
        "locks": [_lock(coordinator) for coordinator in gateway.coordinators.values()],
    }


def _lock(coordinator: IgrsCoordinator) -> dict[str, Any]:
    data, memory = coordinator.data, coordinator.memory
    return {
        "available": coordinator.last_update_success,
        "bolt": data.bolt.name,
        "battery": data.battery,
        "version": None if memory.version is None else list(memory.version),
        "tickets": [
            {
                "gen": ticket.gen,
                "rights": int(ticket.rights),
                "issued": ticket.issued,
                "expires": ticket.expires,
            }
            for ticket in memory.tickets.values()
        ],
        "advertisement_keys": sorted(memory.k_adv),
        "next_record": memory.next_record,
    }
