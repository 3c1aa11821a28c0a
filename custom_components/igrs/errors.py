"""Why something with a lock failed, in words that Home Assistant translates."""

from enum import StrEnum

from homeassistant.exceptions import HomeAssistantError

from .const import DOMAIN
from .ras_errors import Code


class Reason(StrEnum):
    """What went wrong; the value is the translation key of the message."""

    OUT_OF_RANGE = "out_of_range"
    NO_SLOT = "no_slot"
    NOT_CONNECTED = "not_connected"
    BUSY = "busy"
    MOVING = "moving"
    JAMMED = "jammed"
    DENIED = "denied"
    NOT_EXECUTED = "not_executed"
    TICKET_EXPIRED = "ticket_expired"
    RAS_REFUSES = "ras_refuses"
    CLOCK_UNSET = "clock_unset"
    NOT_SUPPORTED = "not_supported"
    REJECTED = "rejected"
    UNOWNED = "unowned"
    FAILED = "failed"
    OUTCOME_UNKNOWN = "outcome_unknown"
    NO_ANSWER = "no_answer"


# What a gateway tells the RAS of a failure (project profile, API 2).
CODES: dict[Reason, Code] = {
    Reason.OUT_OF_RANGE: Code.NO_GATEWAY,
    Reason.NO_SLOT: Code.NO_GATEWAY,
    Reason.NOT_CONNECTED: Code.NO_GATEWAY,
    Reason.BUSY: Code.BUSY,
}


class LockError(HomeAssistantError):
    """A lock could not do, or was not reached to do, what was asked."""

    def __init__(self, reason: Reason, **placeholders: str) -> None:
        """Keep the reason, and the values its message needs."""
        super().__init__(
            translation_domain=DOMAIN,
            translation_key=reason.value,
            translation_placeholders=placeholders,
        )
        self.reason = reason
