"""What can be asked of each lock by hand: take the right time, tell its log."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .coordinator import IgrsCoordinator
from .entity import IgrsEntity, async_add_to_locks
from .errors import refusal
from .gateway import IgrsConfigEntry
from .ras_errors import RasError

PARALLEL_UPDATES = 0  # each lock has a queue of its own


@dataclass(frozen=True, kw_only=True)
class IgrsButtonDescription(ButtonEntityDescription):
    """What a button does; it raises LockError or RasError."""

    press: Callable[[IgrsCoordinator], Awaitable[None]]


BUTTONS: Final = (
    IgrsButtonDescription(
        key="sync_time",
        translation_key="sync_time",
        entity_category=EntityCategory.DIAGNOSTIC,
        press=lambda it: it.supply.async_set_time(),
    ),
    IgrsButtonDescription(
        key="fetch_records",
        translation_key="fetch_records",
        entity_category=EntityCategory.DIAGNOSTIC,
        press=lambda it: it.learner.async_learn(),
    ),
)


async def async_setup_entry(
    _: HomeAssistant,
    entry: IgrsConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the buttons of each lock, now and later."""
    async_add_to_locks(
        entry, async_add_entities, lambda it: [LockButton(it, each) for each in BUTTONS]
    )


class LockButton(IgrsEntity, ButtonEntity):
    """One thing that a lock is asked for."""

    entity_description: IgrsButtonDescription

    def __init__(self, coordinator: IgrsCoordinator, description: IgrsButtonDescription) -> None:
        """Do what the description says."""
        super().__init__(coordinator, description.key)
        self.entity_description = description

    @override
    async def async_press(self) -> None:
        """Connect and do it, or say why that did not work."""
        try:
            await self.entity_description.press(self.coordinator)
        except RasError as err:
            raise refusal(err) from err
