"""Why something with a lock failed, in words that Home Assistant translates."""

from enum import StrEnum
from typing import Final

from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from .const import DOMAIN
from .igrs_codec.bsld.frame import Status
from .igrs_codec.driver import Failed, Failure
from .ras_errors import Code, RasError, RasRefusedError


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
    NO_PERMISSION = "no_permission"
    OUTSIDE_SCHEDULE = "outside_schedule"
    ACCESS_ENDED = "access_ended"
    OUTSIDE_AREA = "outside_area"
    USES_SPENT = "uses_spent"
    NEEDS_CONFIRMATION = "needs_confirmation"
    NEEDS_PIN = "needs_pin"
    NEEDS_SECOND_PERSON = "needs_second_person"
    SECOND_PERSON_REFUSED = "second_person_refused"
    PIN_WRONG = "pin_wrong"
    PIN_MALFORMED = "pin_malformed"
    PIN_PAUSED = "pin_paused"
    VOICE_OFF = "voice_off"
    VOICE_NEEDS_PIN = "voice_needs_pin"
    VOICE_HAS_NO_PIN = "voice_has_no_pin"
    VOICE_NO_SUCH_LOCK = "voice_no_such_lock"
    NO_GATEWAY = "no_gateway"
    RAS_SILENT = "ras_silent"
    TOO_OFTEN = "too_often"


# Somebody may not, or has to give something first: nothing has failed.
REFUSALS: Final = frozenset(
    {
        Reason.DENIED,
        Reason.RAS_REFUSES,
        Reason.NO_PERMISSION,
        Reason.OUTSIDE_SCHEDULE,
        Reason.ACCESS_ENDED,
        Reason.OUTSIDE_AREA,
        Reason.USES_SPENT,
        Reason.NEEDS_CONFIRMATION,
        Reason.NEEDS_PIN,
        Reason.NEEDS_SECOND_PERSON,
        Reason.SECOND_PERSON_REFUSED,
        Reason.PIN_WRONG,
        Reason.PIN_PAUSED,
        Reason.VOICE_OFF,
        Reason.VOICE_NEEDS_PIN,
        Reason.VOICE_HAS_NO_PIN,
    }
)

# What a gateway tells the RAS of a failure (project profile, API 2).
CODES: Final[dict[Reason, Code]] = {
    Reason.OUT_OF_RANGE: Code.NO_GATEWAY,
    Reason.NO_SLOT: Code.NO_GATEWAY,
    Reason.NOT_CONNECTED: Code.NO_GATEWAY,
    Reason.BUSY: Code.BUSY,
}

# What a lock answers to an operation that it does not do.
_STATUSES: Final[dict[Status, Reason]] = {
    Status.DENIED: Reason.DENIED,
    Status.EXPIRED: Reason.NOT_EXECUTED,
    Status.CLOCK_UNSET: Reason.CLOCK_UNSET,
    Status.JAMMED: Reason.JAMMED,
    Status.BUSY: Reason.MOVING,
    Status.BAD_ARGUMENT: Reason.NOT_SUPPORTED,
}

# Why a driver gives a request up.
_FAILURES: Final[dict[Failure, Reason]] = {
    Failure.UNOWNED: Reason.UNOWNED,
    Failure.NO_TICKET: Reason.TICKET_EXPIRED,
    Failure.TICKET_REFUSED: Reason.REJECTED,
    Failure.DENIED: Reason.DENIED,
    Failure.CLOCK_UNSET: Reason.CLOCK_UNSET,
}

# What the RAS says when it decides or has an operation carried.
_REASONS: Final[dict[int, Reason]] = {
    Code.NO_GATEWAY: Reason.NO_GATEWAY,
    Code.BUSY: Reason.BUSY,
    Code.DEVICE_TIMEOUT: Reason.OUTCOME_UNKNOWN,
    Code.NOT_SUPPORTED: Reason.NOT_SUPPORTED,
    Code.DEVICE_REJECTED: Reason.REJECTED,
    Code.CLOCK_UNSET: Reason.CLOCK_UNSET,
    Code.JAMMED: Reason.JAMMED,
    Code.NO_PERMISSION: Reason.NO_PERMISSION,
    Code.OUTSIDE_SCHEDULE: Reason.OUTSIDE_SCHEDULE,
    Code.EXPIRED: Reason.ACCESS_ENDED,
    Code.GEOFENCE: Reason.OUTSIDE_AREA,
    Code.USES_SPENT: Reason.USES_SPENT,
    Code.CONFIRMATION_NEEDED: Reason.NEEDS_CONFIRMATION,
    Code.PIN_WRONG: Reason.PIN_WRONG,
    Code.TOO_MANY_TRIES: Reason.PIN_PAUSED,
    Code.STILL_RUNNING: Reason.OUTCOME_UNKNOWN,
    Code.RATE_LIMITED: Reason.TOO_OFTEN,
}

# What it says more of the same code.
_NEEDS: Final[dict[tuple[int | None, str | None], Reason]] = {
    (Code.CONFIRMATION_NEEDED, "pin"): Reason.NEEDS_PIN,
    (Code.CONFIRMATION_NEEDED, "second_person"): Reason.NEEDS_SECOND_PERSON,
    (Code.NO_PERMISSION, "second_person"): Reason.SECOND_PERSON_REFUSED,
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


def refused_call(err: LockError) -> ServiceValidationError:
    """Return what an action raises where nothing has failed: the call is what is wrong."""
    return ServiceValidationError(
        translation_domain=DOMAIN,
        translation_key=err.translation_key,
        translation_placeholders=err.translation_placeholders,
    )


def not_done(status: Status) -> LockError:
    """Return the error for what a lock answered in place of OK."""
    return LockError(_STATUSES.get(status, Reason.FAILED))


def given_up(failed: Failed, refused: RasError | None) -> LockError:
    """Return the error for a request that came to nothing; refused is what the RAS said to it."""
    if failed.reason is Failure.NO_TICKET and isinstance(refused, RasRefusedError):
        return LockError(Reason.RAS_REFUSES, code=str(refused.code))
    silence = Reason.OUTCOME_UNKNOWN if failed.unanswered else Reason.NO_ANSWER
    return LockError(_FAILURES.get(failed.reason, silence))


def refusal(err: RasError | int | None) -> LockError:
    """Return the error for what the RAS said (an error or a code), or did not say."""
    if isinstance(err, RasError) and not isinstance(err, RasRefusedError):
        return LockError(Reason.RAS_SILENT)
    code, needs = (err.code, err.needs) if isinstance(err, RasError) else (err, None)
    reason = _NEEDS.get((code, needs)) or _REASONS.get(code or Code.FAILED)
    return LockError(Reason.RAS_REFUSES, code=str(code)) if reason is None else LockError(reason)
