"""What the RAS lets a gateway manage for the owner of a lock: people, codes, audit (API 5 to 7).

The owner allows it at the server; everything that is given ends, and ends with that right (6.3).
"""

from dataclasses import dataclass, field
from typing import Any, Final, Self

from homeassistant.util.ulid import ulid_now

from .answers import Json, read
from .ras import GatewayClient

PAGE: Final = 200  # items that the RAS lists at once
ONCE: Final = 0  # class of a code that works one time

type Body = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Somebody whom the owner lets use a lock (API 6.1).

    subject is as the RAS writes it; start and until are Unix seconds, until is exclusive;
    weekdays are 1 (Monday) to 7, times pairs of wall-clock times in the zone tz; revoked is
    when it ended, if somebody ended it; synced says that the lock knows. second_person says that
    somebody else has to agree each time.
    """

    grant_id: str
    device_id: str
    subject: Json
    rights: tuple[str, ...]
    start: int | None
    until: int | None
    weekdays: tuple[int, ...]
    times: tuple[tuple[str, str], ...]
    tz: str | None
    uses_max: int | None
    uses_spent: int
    has_pin: bool
    policy: str | None
    notify: bool
    second_person: bool
    household: bool
    revoked: int | None
    synced: bool
    rev: int
    token: str | None = field(default=None, repr=False)

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Parse a grant."""
        valid, uses, geofence = data["valid"], data["uses"], data["geofence"]
        return cls(
            grant_id=str(data["grant_id"]),
            device_id=str(data["device_id"]),
            subject=dict(data["subject"]),
            rights=tuple(str(each) for each in data["rights"]),
            start=valid["from"],
            until=valid["until"],
            weekdays=tuple(int(day) for day in valid.get("weekdays") or ()),
            times=tuple((str(start), str(end)) for start, end in valid.get("times") or ()),
            tz=valid.get("tz"),
            uses_max=uses["max"],
            uses_spent=int(uses["spent"]),
            has_pin=bool(data["pin"]),
            policy=None if geofence is None else str(geofence["policy"]),
            notify=bool(data["notify"]),
            second_person=bool(data.get("second_person")),
            household=data["household"] is not None,
            revoked=data["revoked"],
            synced=bool(data["synced"]),
            rev=int(data["rev"]),
            token=data.get("token"),
        )

    @property
    def terms(self) -> Body:
        """Return the terms as the RAS takes them; the PIN, which nobody is told, stays."""
        hours = {"weekdays": list(self.weekdays) or None, "times": list(self.times) or None}
        return {
            "rights": list(self.rights),
            "valid": {"from": self.start, "until": self.until, **hours, "tz": self.tz},
            "uses": {"max": self.uses_max},
            "geofence": None if self.policy is None else {"policy": self.policy},
            "notify": self.notify,
            "second_person": self.second_person,
            "keep_pin": True,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class KeypadCode:
    """A code for the keypad, without its digits (API 5.2).

    start and end are Unix seconds; number is that of a one-time code.
    """

    code_id: str
    code_class: int
    start: int | None
    end: int | None
    number: int | None
    name: str
    grant_id: str | None
    state: str
    synced: bool

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Parse one element of the list of codes."""
        return cls(
            code_id=str(data["code_id"]),
            code_class=int(data["class"]),
            start=data.get("start"),
            end=data.get("end"),
            number=data.get("number"),
            name=str(data["name"]),
            grant_id=data["grant"],
            state=str(data["state"]),
            synced=bool(data["synced"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCode:
    """A code that was given out just now: the one time that its digits are told."""

    code_id: str
    digits: str = field(repr=False)
    start: int | None
    end: int | None

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Parse the answer to POST codes."""
        return cls(
            code_id=str(data["code_id"]),
            digits=str(data["code"]),
            start=data.get("start"),
            end=data.get("end"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditCheck:
    """What a check of the audit found; to is the last entry that was looked at."""

    ok: bool
    to: int
    first_bad: int | None
    kind: str | None

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """Parse the answer to POST audit/verify."""
        return cls(
            ok=bool(data["ok"]), to=int(data["to"]), first_bad=data["first_bad"], kind=data["kind"]
        )


async def _async_manage(ras: GatewayClient, method: str, path: str, body: Body) -> Json:
    """Send what lets somebody in, or out: what is told of it later is known to be from here."""
    mid = ulid_now()
    ras.managing(mid)
    return await ras.ask(method, path, body, mid=mid)


async def async_grants(ras: GatewayClient, device_id: str) -> list[Grant]:
    """Return the grants of a lock, or raise RasError."""
    found: list[Grant] = []
    query = {"limit": str(PAGE)}
    while True:
        data = await ras.ask("GET", f"devices/{device_id}/grants", query=query)
        found += read(lambda data: [Grant.from_json(item) for item in data["items"]], data)
        if data.get("next") is None:
            return found
        query["cursor"] = str(data["next"])


async def async_grant(ras: GatewayClient, grant_id: str) -> Grant:
    """Return a grant, or raise RasError."""
    return read(Grant.from_json, await ras.ask("GET", f"grants/{grant_id}"))


async def async_give(ras: GatewayClient, device_id: str, body: Body) -> Grant:
    """Give a grant; the token of a guest's link is told once. Raise RasError."""
    return read(
        Grant.from_json, await _async_manage(ras, "POST", f"devices/{device_id}/grants", body)
    )


async def async_change(ras: GatewayClient, grant: Grant, body: Body) -> Grant:
    """Change the terms of a grant, or raise RasError."""
    changed = {"rev": grant.rev, **body}
    path = f"grants/{grant.grant_id}"
    return read(Grant.from_json, await _async_manage(ras, "PUT", path, changed))


async def async_revoke(ras: GatewayClient, grant_id: str, person: str) -> None:
    """End a grant for the owner, or raise RasError."""
    await _async_manage(ras, "DELETE", f"grants/{grant_id}", {"person": person})


async def async_codes(ras: GatewayClient, device_id: str) -> list[KeypadCode]:
    """Return the codes of a lock, or raise RasError."""
    data = await ras.ask("GET", f"devices/{device_id}/codes")
    return read(lambda data: [KeypadCode.from_json(item) for item in data["items"]], data)


async def async_issue_code(ras: GatewayClient, device_id: str, body: Body) -> IssuedCode:
    """Have a code given out, or raise RasError."""
    path = f"devices/{device_id}/codes"
    return read(IssuedCode.from_json, await _async_manage(ras, "POST", path, body))


async def async_cancel_code(ras: GatewayClient, device_id: str, code_id: str, body: Body) -> None:
    """Cancel a code; it is dead once a gateway has told the lock. Raise RasError."""
    await _async_manage(ras, "DELETE", f"devices/{device_id}/codes/{code_id}", body)


async def async_audit(ras: GatewayClient, device_id: str, after: int, most: int) -> list[Json]:
    """Return what the audit says of a lock, from an entry on, or raise RasError.

    Each has the members entry and hash, as the RAS hashed them.
    """
    found: list[Json] = []
    while True:
        query = {"after": str(after), "device": device_id}
        data = await ras.ask("GET", "audit", query=query)
        found += read(lambda data: [_audit_entry(item) for item in data["items"]], data)
        if data.get("next") is None or len(found) >= most:
            return found[:most]
        after = read(int, data["next"])


def _audit_entry(item: Json) -> Json:
    """Return an entry as it is; it has at least a number."""
    int(item["entry"]["n"])
    return dict(item)


async def async_check_audit(ras: GatewayClient, trusted: tuple[int, str] | None) -> AuditCheck:
    """Have the audit's chain checked from an entry that is trusted, or from the beginning."""
    body = {} if trusted is None else {"from": {"n": trusted[0], "hash": trusted[1]}}
    return read(AuditCheck.from_json, await ras.ask("POST", "audit/verify", body))
