"""What somebody has to look after, shown under Repairs as long as it is so."""

from enum import StrEnum
from typing import Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN


class Trouble(StrEnum):
    """A kind of issue; the value is the translation key."""

    SERVER_TOO_OLD = "server_too_old"
    SERVER_TOO_NEW = "server_too_new"
    CERTIFICATE_CHANGED = "certificate_changed"
    CLOCK_DRIFT = "clock_drift"
    AUDIT_GAP = "audit_gap"
    LOG_GAP = "log_gap"
    LOCK_UNREACHABLE = "lock_unreachable"
    IMPERSONATED = "impersonated"
    VOICE_PIN_GUESSED = "voice_pin_guessed"


# What keeps from connecting: over with the next connection.
CONNECTING: Final = (
    Trouble.SERVER_TOO_OLD,
    Trouble.SERVER_TOO_NEW,
    Trouble.CERTIFICATE_CHANGED,
)
# What cannot be repaired but has been looked at: the person says so.
CONFIRMED: Final = frozenset({Trouble.AUDIT_GAP, Trouble.LOG_GAP, Trouble.IMPERSONATED})
_ERRORS: Final = frozenset(
    {
        *CONNECTING,
        Trouble.AUDIT_GAP,
        Trouble.IMPERSONATED,
    }
)


class Issues:
    """The issues of one config entry."""

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Begin without any."""
        self._hass = hass
        self._entry_id = entry_id
        self._raised: set[str] = set()

    @callback
    def async_set(
        self, trouble: Trouble, *, so: bool, about: str = "", **placeholders: str
    ) -> None:
        """Raise an issue, or clear it; about is the device id, if it is about a lock."""
        issue_id = "_".join(filter(None, (trouble.value, self._entry_id, about)))
        if not so:
            self._clear(issue_id)
        elif issue_id not in self._raised:
            self._raised.add(issue_id)
            ir.async_create_issue(
                self._hass,
                DOMAIN,
                issue_id,
                data={"entry_id": self._entry_id, "trouble": trouble.value, "about": about},
                is_fixable=trouble in CONFIRMED,
                severity=ir.IssueSeverity.ERROR if trouble in _ERRORS else ir.IssueSeverity.WARNING,
                translation_key=trouble.value,
                translation_placeholders=placeholders,
            )

    @callback
    def async_clear(self, about: str | None = None) -> None:
        """Clear the issues about a lock, or all."""
        for issue_id in tuple(self._raised):
            if about is None or issue_id.endswith(f"_{about}"):
                self._clear(issue_id)

    def _clear(self, issue_id: str) -> None:
        if issue_id in self._raised:
            self._raised.discard(issue_id)
            ir.async_delete_issue(self._hass, DOMAIN, issue_id)
