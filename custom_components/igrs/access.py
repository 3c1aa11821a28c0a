"""What happened at a lock, as Home Assistant tells it: what, who, how, through what."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from homeassistant.core import Context
from homeassistant.util import dt as dt_util

from .answers import Told
from .asker import AT_THE_LOCK, Asker, How
from .errors import refusal
from .igrs_codec.bsld.frame import Event, Method, Operation, Record

DENIED: Final = "denied"
ASKED: Final = "asked"

# Duress is not among them: whoever forces a person may look at this screen.
EVENTS: Final = {
    Event.LOCK: "locked",
    Event.UNLOCK: "unlocked",
    Event.OPEN: "opened",
    Event.DOOR_OPENED: "door_opened",
    Event.DOOR_CLOSED: "door_closed",
    Event.TAMPER: "tampered",
    Event.LOW_BATTERY: "battery_low",
    Event.WRONG_CODES: "wrong_codes",
    Event.JAM: "jammed",
    Event.FORCED: "forced",
    Event.AJAR: "door_ajar",
    Event.ALARM_CLEARED: "alarm_cleared",
}
BOLT_EVENTS: Final = frozenset({Event.LOCK, Event.UNLOCK, Event.OPEN})
RECORD_OF: Final = {
    Operation.LOCK: Event.LOCK,
    Operation.UNLOCK: Event.UNLOCK,
    Operation.OPEN: Event.OPEN,
}

# Who asked the RAS for a remote operation (project profile, API 7): kinds of addresses.
_CHANNELS: Final = {"user": How.APP, "guest": How.GUEST, "tpsp": How.THIRD_PARTY}
_BY_A_PERSON: Final = BOLT_EVENTS | {Event.WRONG_CODES, Event.JAM}
_CODES: Final = frozenset({Method.FIXED_CODE, Method.FINGERPRINT, Method.CARD, Method.KEY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One thing that happened.

    uid is the user account ID at the lock (u32); credential is the number of the ticket, code,
    finger or card; seconds is how long the operation took; reason is why one was refused.
    """

    what: str
    how: How | None = None
    user: str | None = None
    name: str | None = None
    uid: int | None = None
    credential: str | None = None
    gateway: str | None = None
    seconds: float | None = None
    record: int | None = None
    at: int | None = None
    reason: str | None = None
    context: Context | None = None

    @property
    def shown(self) -> str | None:
        """Who did it, or else how; None if the lock does not say."""
        return self.user or self.name or (None if self.how is None else self.how.value)

    @property
    def attributes(self) -> dict[str, Any]:
        """What an event says; what is not known is None, what does not apply is absent."""
        told: dict[str, Any] = {"method": self.how, "user": self.user, "user_id": self.uid}
        optional: Mapping[str, Any] = {
            "credential": self.credential,
            "gateway": self.gateway,
            "duration_ms": None if self.seconds is None else round(self.seconds * 1000),
            "record": self.record,
            "recorded_at": None
            if self.at is None
            else dt_util.utc_from_timestamp(self.at).isoformat(),
            "reason": self.reason,
        }
        return told | {key: value for key, value in optional.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """An operation that was asked for here; its record has this number (u16).

    gateway is None where the RAS chose one.
    """

    number: int
    operation: Operation
    asker: Asker
    gateway: str | None
    seconds: float
    credential: str | None = None


def refused(asker: Asker, reason: str) -> Access:
    """Return what tells that somebody was refused."""
    return Access(
        what=DENIED,
        how=asker.how,
        user=asker.user,
        name=asker.name,
        reason=reason,
        context=asker.context,
    )


def asked_at_ras(asked_by: str, user: str | None) -> Access:
    """Return what tells that somebody waits for a second person's yes; asked_by as below."""
    return Access(what=ASKED, how=_channel(asked_by), user=user)


def denied_at_ras(asked_by: str, user: str | None, code: int | None) -> Access:
    """Return what tells that the RAS refused somebody; asked_by is a typed address."""
    return Access(
        what=DENIED,
        how=_channel(asked_by),
        user=user,
        reason=refusal(code).reason,
    )


def _channel(asked_by: str) -> How:
    return _CHANNELS.get(asked_by.partition(":")[0], How.GATEWAY)


def from_record(
    record: Record, *, deed: Deed | None, told: Told | None, name: str | None
) -> Access | None:
    """Return what a record tells; None if it is nobody's business here.

    The deed is what is known of it here, told what the RAS says, name the user's as known
    before.
    """
    if (what := EVENTS.get(record.event)) is None:
        return None
    how = AT_THE_LOCK[record.method] if record.event in _BY_A_PERSON else None
    access = Access(
        what=what,
        how=how,
        user=name,
        uid=record.uid or None,
        credential=_credential(record),
        record=record.number,
        at=None if record.boot_time else record.time,
    )
    if deed is not None and RECORD_OF[deed.operation] is record.event:
        return replace(
            access,
            how=deed.asker.how,
            user=deed.asker.user or (name if deed.asker.person else None),
            name=deed.asker.name,
            credential=deed.credential,
            gateway=deed.gateway or (None if told is None else told.gateway),
            seconds=deed.seconds,
            context=deed.asker.context,
        )
    if told is not None:
        return replace(
            access,
            how=_CHANNELS.get(told.channel or "", how),
            user=told.user or name,
            gateway=told.gateway,
        )
    return access


def _credential(record: Record) -> str | None:
    """Return which code, finger, card or key it was; never the code itself."""
    if record.event not in BOLT_EVENTS:
        return None
    if record.method is Method.TIMED_CODE:
        return f"{record.detail >> 4}-{record.detail & 0x0F}"
    if record.method is Method.ONE_TIME_CODE or record.method in _CODES:
        return str(record.detail)
    return None
