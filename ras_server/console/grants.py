"""Who else may use a lock: given, limited, ended."""

from datetime import datetime
from typing import Any, Final

from ..account.names import type_of
from ..errors import Code, RasError
from .action import Action, form
from .locks import LOCK, show
from .page import Visitor


def subject(visitor: Visitor) -> dict[str, Any]:
    """Return the person whose account is in the form."""
    value = visitor.field("account")
    return {"kind": "account", "account": {"type": type_of(value), "value": value}}


def moment(visitor: Visitor, name: str) -> int | None:
    """Return a time of the form, in the zone of the visitor, as Unix seconds."""
    text = visitor.field(name)
    if not text:
        return None
    try:
        return int(datetime.fromisoformat(text).replace(tzinfo=visitor.zone).timestamp())
    except ValueError, OverflowError:
        raise RasError(
            Code.MALFORMED, "Not a time", errors=[(f"/{name}", "not a date and a time")]
        ) from None


def terms(visitor: Visitor) -> dict[str, Any]:
    """Return the terms of the form; what is left empty is no limit."""
    valid: dict[str, Any] = {"from": moment(visitor, "from"), "until": moment(visitor, "until")}
    if visitor.fields("weekday"):
        valid["weekdays"] = [int(day) for day in visitor.fields("weekday") if day.isdecimal()]
    if visitor.field("opens") or visitor.field("closes"):
        opens, closes = visitor.field("opens") or "00:00", visitor.field("closes") or "24:00"
        valid["times"] = [[opens, closes]]
    grant: dict[str, Any] = {
        "rights": visitor.fields("right"),
        "valid": valid | {"tz": visitor.zone.key},
        "second_person": bool(visitor.field("second_person")),
        "notify": bool(visitor.field("notify")),
    }
    if visitor.field("uses"):
        grant["uses"] = {"max": visitor.number("uses")}
    if visitor.field("pin"):
        grant["pin"] = visitor.field("pin")
    if visitor.field("policy"):
        grant["geofence"] = {"policy": visitor.field("policy")}
    return grant


def _gateway(visitor: Visitor) -> dict[str, Any]:
    """Return the gateway and the terms of the form."""
    named = {"gateway_id": visitor.field("gateway_id"), "name": visitor.field("name")}
    return {"subject": {"kind": "gateway"} | named} | terms(visitor)


def _grant(visitor: Visitor) -> dict[str, Any]:
    """Return the person and the terms of the form."""
    return {"subject": subject(visitor)} | terms(visitor)


ROUTES: Final = (
    form(
        f"{LOCK}/grants",
        Action(
            method="POST",
            api="/v1/devices/{device_id}/grants",
            fields=_grant,
            back=LOCK,
            done="granted",
            shown=show,
        ),
    ),
    form(
        f"{LOCK}/gateways",
        Action(
            method="POST",
            api="/v1/devices/{device_id}/grants",
            fields=_gateway,
            back=LOCK,
            done="granted",
            shown=show,
        ),
    ),
    form(
        f"{LOCK}/grants/{{grant_id}}/revoke",
        Action(
            method="DELETE",
            api="/v1/grants/{grant_id}",
            back=LOCK,
            done="revoked",
            shown=show,
        ),
    ),
)
