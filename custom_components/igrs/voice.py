"""Who only speaks: what he may do at a lock, and how it is asked for.

Every operation that Home Assistant asks for goes through `async_operate`, whoever asks. Whether
a voice may unlock is the owner's choice, for the home and for each lock (project profile).
"""

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from homeassistant.components import bluetooth
from homeassistant.components.lock import DOMAIN as LOCK
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.translation import async_get_translations

from .asker import Asker, How
from .const import CONF_VOICE_UNLOCK, DOMAIN
from .coordinator import IgrsCoordinator
from .errors import LockError, Reason
from .igrs_codec.bsld.frame import Operation
from .link import explained
from .pin import digits
from .timeline import recorded

if TYPE_CHECKING:
    from .gateway import IgrsConfigEntry


class VoiceUnlock(StrEnum):
    """Whether a lock may be unlocked by voice."""

    NEVER = "never"
    WITH_PIN = "with_pin"
    WITHOUT_PIN = "without_pin"


DEFAULT: Final = VoiceUnlock.WITH_PIN


@callback
def lock_of(hass: HomeAssistant, entity_id: str) -> IgrsCoordinator | None:
    """Return the lock behind an entity, if it is one of ours and there."""
    entity = er.async_get(hass).async_get(entity_id)
    if entity is None or (entity.platform, entity.domain) != (DOMAIN, LOCK):
        return None
    entry: IgrsConfigEntry | None = hass.config_entries.async_get_entry(
        entity.config_entry_id or ""
    )
    if entry is None or entry.state is not ConfigEntryState.LOADED:
        return None
    return entry.runtime_data.coordinators.get(entity.config_subentry_id or "")


@callback
def voice_unlock_of(coordinator: IgrsCoordinator) -> VoiceUnlock:
    """Return what the owner chose for a lock, or for the whole home."""
    entry = coordinator.config_entry
    of_home = entry.options.get(CONF_VOICE_UNLOCK, DEFAULT)
    own = entry.subentries[coordinator.subentry_id].data.get(CONF_VOICE_UNLOCK)
    return VoiceUnlock(own or of_home)


async def async_operate(
    coordinator: IgrsCoordinator, operation: Operation, asker: Asker, code: str | None = None
) -> None:
    """Lock, unlock or open, and wait until it is done; or raise LockError.

    code is what was typed or said as a PIN: the household's if it is spoken to Home Assistant
    and the owner wants one, else that of the person's own access, which the RAS compares.
    """
    with recorded(operation, asker) as coordinator.timeline:
        _require_reach(coordinator, asker)
        try:
            code = await _async_judged(coordinator, operation, asker, code)
        except LockError as err:
            coordinator.history.refused(asker, err.reason)
            raise
        pin = None
        if code is not None and asker.person is not None and (pin := digits(code)) is None:
            raise LockError(Reason.PIN_MALFORMED)
        await coordinator.async_operate(operation, asker, pin)


def _require_reach(coordinator: IgrsCoordinator, asker: Asker) -> None:
    """Refuse at once what is known not to reach the lock; the RAS may know another gateway."""
    if asker.person is not None and not coordinator.memory.people.get(asker.person):
        return
    hass, address = coordinator.hass, coordinator.address
    heard = bluetooth.async_ble_device_from_address(hass, address, connectable=True)
    if heard is None:
        raise explained(hass, address, Reason.OUT_OF_RANGE)


async def _async_judged(
    coordinator: IgrsCoordinator, operation: Operation, asker: Asker, code: str | None
) -> str | None:
    """Return the code that is still to be compared, or raise LockError."""
    if asker.how is not How.VOICE or operation is Operation.LOCK:
        return code
    chosen = voice_unlock_of(coordinator)
    if chosen is VoiceUnlock.NEVER:
        raise LockError(Reason.VOICE_OFF)
    if chosen is VoiceUnlock.WITHOUT_PIN or not asker.assist:
        return code  # Google has asked for its own PIN
    await coordinator.config_entry.runtime_data.voice_pin.async_require(code)
    return None


async def async_said(hass: HomeAssistant, err: HomeAssistantError, language: str) -> str:
    """Return what an error of this integration says, in the language that is spoken."""
    name = "zh-Hans" if language.startswith("zh") else language.partition("-")[0]
    texts = await async_get_translations(hass, name, "exceptions", {DOMAIN})
    text = texts[f"component.{DOMAIN}.exceptions.{err.translation_key}.message"]
    placeholders = {**(err.translation_placeholders or {}), "why": ""}  # too long to be heard
    return text.format(**placeholders).strip()
