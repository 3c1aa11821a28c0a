"""The doors on one page of Home Assistant's frontend."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from .home import Door
from .home_assistant import HomeAssistant

PATH: Final = "demo-doors"

# What stands below the lock of a door, by the domain of the entity and the end of its name.
_TILES: Final = ("sensor._battery", "binary_sensor._door", "event._access", "binary_sensor._alarm")


async def add_dashboard(hass: HomeAssistant, doors: Iterable[Door]) -> None:
    """Make the page, unless it is there."""
    if any(page["url_path"] == PATH for page in await hass.ask("lovelace/dashboards/list")):
        return
    await hass.ask(
        "lovelace/dashboards/create",
        url_path=PATH,
        title="Doors",
        icon="mdi:door",
        show_in_sidebar=True,
    )
    entities = await hass.ask("config/entity_registry/list")
    sections = [_section(door, entities) for door in doors]
    view = {"title": "Doors", "type": "sections", "max_columns": 3, "sections": sections}
    await hass.ask("lovelace/config/save", url_path=PATH, config={"views": [view]})


def _section(door: Door, entities: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the cards of one door."""
    lock = {
        "type": "tile",
        "entity": door.entity_id,
        "features": [{"type": "lock-commands"}],
        "grid_options": {"columns": "full"},
    }
    tiles = [
        {"type": "tile", "entity": entity["entity_id"], "name": entity["original_name"]}
        for tile in _TILES
        for entity in entities
        if entity["unique_id"].startswith(door.device_id) and _is(entity["entity_id"], tile)
    ]
    heading = {"type": "heading", "heading": door.name, "icon": "mdi:door"}
    return {"type": "grid", "cards": [heading, lock, *tiles]}


def _is(entity_id: str, tile: str) -> bool:
    domain, _, ending = tile.partition(".")
    return entity_id.startswith(f"{domain}.") and entity_id.endswith(ending)
