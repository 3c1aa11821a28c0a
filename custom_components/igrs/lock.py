"""The bolt of each lock."""

from collections.abc import Mapping
from typing import Any, Final, override

from homeassistant.components.lock import LockEntity, LockEntityFeature
from homeassistant.const import ATTR_CODE
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .asker import async_asker
from .coordinator import IgrsCoordinator
from .entity import IgrsEntity, async_add_to_locks
from .errors import REFUSALS, LockError, Reason, refused_call
from .gateway import IgrsConfigEntry
from .igrs_codec.bsld.frame import Bolt, Capability, Operation
from .voice import async_operate

PARALLEL_UPDATES = 0  # locks run beside each other; each has a queue of its own

_PIN_OR_NOTHING: Final = r"^(\d{4,12})?$"
_MOVING: Final = {Bolt.LOCKING: Operation.LOCK, Bolt.UNLOCKING: Operation.UNLOCK}
_IS_LOCKED: Final = {Bolt.LOCKED: True, Bolt.UNLOCKED: False, Bolt.OPEN: False}


async def async_setup_entry(
    _: HomeAssistant,
    entry: IgrsConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the bolt of each lock, now and later."""
    async_add_to_locks(entry, async_add_entities, lambda it: [IgrsLock(it)])


class IgrsLock(IgrsEntity, LockEntity):
    """The bolt of one lock."""

    _attr_name = None

    def __init__(self, coordinator: IgrsCoordinator) -> None:
        """Be the main entity of the lock."""
        super().__init__(coordinator, "bolt")

    @property
    @override
    def supported_features(self) -> LockEntityFeature:
        """Return whether the lock can draw the latch."""
        can_open = self.coordinator.can(Capability.OPEN)
        return LockEntityFeature.OPEN if can_open else LockEntityFeature(0)

    @property
    @override
    def available(self) -> bool:
        """Return whether the lock is heard: it can be operated though its state is unknown."""
        return super().available or self.coordinator.data.heard

    @property
    def _bolt(self) -> Bolt:
        return self.coordinator.data.bolt

    @property
    def _movement(self) -> Operation | None:
        """What is being done: as asked for here, or as the lock says."""
        asked = self.coordinator.data.asked
        return asked if asked is not None else _MOVING.get(self._bolt)

    @property
    @override
    def is_locked(self) -> bool | None:
        """Return whether the bolt is out, None if nobody knows."""
        return _IS_LOCKED.get(self._bolt)

    @property
    @override
    def is_open(self) -> bool:
        """Return whether the latch is drawn."""
        return self._bolt is Bolt.OPEN

    @property
    @override
    def is_jammed(self) -> bool:
        """Return whether the bolt is stuck; a new attempt is not."""
        return self._bolt is Bolt.JAMMED and self._movement is None

    @property
    @override
    def is_locking(self) -> bool:
        """Return whether the bolt moves out."""
        return self._movement is Operation.LOCK

    @property
    @override
    def is_unlocking(self) -> bool:
        """Return whether the bolt moves in."""
        return self._movement is Operation.UNLOCK

    @property
    @override
    def is_opening(self) -> bool:
        """Return whether the latch is being drawn."""
        return self._movement is Operation.OPEN

    @property
    @override
    def changed_by(self) -> str | None:
        """Return who operated last, or how."""
        return self.coordinator.data.changed_by

    @property
    @override
    def code_format(self) -> str | None:
        """Return that a PIN can be given, once the RAS has asked for one of a person here.

        Everybody else leaves it empty; an entity has only one format for all of them.
        """
        people = set(self.coordinator.config_entry.runtime_data.people.values())
        return _PIN_OR_NOTHING if people & self.coordinator.memory.pins else None

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        """Show the state; what is done from here keeps its context until it is done."""
        asker = self.coordinator.asker
        if asker is not None and asker.context is not None:
            self.async_set_context(asker.context)
        super()._handle_coordinator_update()
        if asker is None:
            self._context = None  # what happens next is somebody else's

    @override
    async def async_lock(self, **kwargs: Any) -> None:
        """Lock the lock."""
        await self._async_operate(Operation.LOCK, kwargs)

    @override
    async def async_unlock(self, **kwargs: Any) -> None:
        """Unlock the lock."""
        await self._async_operate(Operation.UNLOCK, kwargs)

    @override
    async def async_open(self, **kwargs: Any) -> None:
        """Draw the latch."""
        await self._async_operate(Operation.OPEN, kwargs)

    async def _async_operate(self, operation: Operation, given: Mapping[str, Any]) -> None:
        people = self.coordinator.config_entry.runtime_data.people
        asker = await async_asker(self.hass, self._context, people)
        try:
            await async_operate(self.coordinator, operation, asker, given.get(ATTR_CODE))
        except LockError as err:
            if err.reason in REFUSALS or err.reason is Reason.PIN_MALFORMED:
                raise refused_call(err) from err
            raise
        finally:
            self._context = None  # also after a refusal, of which nothing was shown
