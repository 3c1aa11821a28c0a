"""What somebody who calls an action can set right, in words that Home Assistant translates."""

from enum import StrEnum
from typing import Final

from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from .const import DOMAIN
from .errors import refusal
from .ras_errors import Code, RasError, RasRefusedError


class Wrong(StrEnum):
    """What is wrong with a call; the value is the translation key of the message."""

    NO_LOCK = "no_lock"
    NOT_A_LOCK = "not_a_lock"
    NOT_LOADED = "not_loaded"
    NOT_THE_OWNER = "not_the_owner"
    NOT_A_MANAGER = "not_a_manager"
    NOT_GIVEN_HERE = "not_given_here"
    NOT_FOR_ALL = "not_for_all"
    WHO = "who"
    NEEDS_END = "needs_end"
    HOURS = "hours"
    OUT_OF_BOUNDS = "out_of_bounds"
    NO_SUCH_USER = "no_such_user"
    NO_SUCH_CODE = "no_such_code"
    NO_KEYPAD = "no_keypad"
    TOO_MANY = "too_many"
    CHANGED_MEANWHILE = "changed_meanwhile"


class ActionError(ServiceValidationError):
    """A call that cannot be carried out as it is."""

    def __init__(self, wrong: Wrong, **placeholders: str) -> None:
        """Keep what is wrong, and the values its message needs."""
        super().__init__(
            translation_domain=DOMAIN,
            translation_key=wrong.value,
            translation_placeholders=placeholders,
        )
        self.wrong = wrong


# What the RAS says of what a gateway manages (project profile, API 6.3).
_NEEDS: Final = {
    "manager": Wrong.NOT_A_MANAGER,
    "owner": Wrong.NOT_THE_OWNER,
    "giver": Wrong.NOT_GIVEN_HERE,
}
_CODES: Final[dict[int, Wrong]] = {
    Code.MALFORMED: Wrong.OUT_OF_BOUNDS,
    Code.EXPIRED: Wrong.OUT_OF_BOUNDS,
    Code.MEMORY_FULL: Wrong.TOO_MANY,
    Code.CHANGED: Wrong.CHANGED_MEANWHILE,
    Code.IDENTIFIER_MALFORMED: Wrong.WHO,
}


def refused(err: RasError, unknown: Wrong) -> HomeAssistantError:
    """Return the error for what the RAS said; unknown is what it does not find."""
    if not isinstance(err, RasRefusedError):
        return refusal(err)
    table = {**_CODES, Code.RESOURCE_UNKNOWN: unknown}
    wrong = _NEEDS.get(err.needs or "") or table.get(err.code or Code.FAILED)
    return refusal(err) if wrong is None else ActionError(wrong)
