"""What gateways report of their own accord: states, alarms, events, presence (section 9.2)."""

from typing import Any, Final

from aiohttp import web
import probatio

from .. import fields
from ..keys import DATABASE
from ..principal import Kind, Principal
from ..store import gateways
from .access import in_household
from .locks import LOCKS, Lock
from .notices import STATUS, household, tell
from .shadow import Source, show

_STATE: Final = probatio.Schema(
    {
        probatio.Optional("bolt"): probatio.In(
            (
                "locked",
                "unlocked",
                "open",
                "locking",
                "unlocking",
                "opening",
                "jammed",
                "unknown",
            )
        ),
        probatio.Optional("door"): probatio.In(("closed", "open", "ajar", "unknown")),
        probatio.Optional("battery"): fields.integer(0, 100),
        probatio.Optional("battery_low"): bool,
        probatio.Optional("alarm"): bool,
        probatio.Optional("clock"): bool,
    },
    extra=probatio.REMOVE_EXTRA,
)
_STATUS: Final = probatio.Schema(
    {
        probatio.Required("state"): _STATE,
        probatio.Required("source"): probatio.In(("advert", "session")),
        probatio.Required("at"): fields.integer(0, 0xFFFFFFFF),
    },
    extra=probatio.REMOVE_EXTRA,
)


async def take_report(app: web.Application, envelope: dict[str, Any], principal: Principal) -> None:
    """Pass on what a gateway of the household says about a lock; others are not believed."""
    lock = _lock_of(app, envelope, principal)
    if lock is None:
        return
    body = envelope["body"]
    if envelope["mi"] != STATUS:
        tell(
            app,
            lock,
            [each for each in household(app, lock) if each != principal.address],
            envelope["mi"],
            body,
            via=principal.address,
        )
        return
    try:
        told = _STATUS(body)
    except probatio.MultipleInvalid:
        return
    if told["at"] <= app[LOCKS].now + 60:
        show(
            app,
            lock,
            told["state"],
            source=Source.GATEWAY,
            at=told["at"],
            via=principal.address,
            told_as=told["source"],
        )


def _lock_of(app: web.Application, envelope: dict[str, Any], principal: Principal) -> Lock | None:
    """Return the lock that a message is about, if the sender is a gateway of its household."""
    if principal.kind is not Kind.GATEWAY:
        return None
    try:
        device_id = fields.device_id(
            envelope["body"].get("device_id") or str(envelope["src"]).removeprefix("dev:")
        )
    except probatio.Invalid:
        return None
    lock = app[LOCKS].get(device_id)
    gateway = gateways.get(app[DATABASE], principal.gateway_id)
    if lock is None or gateway is None or not in_household(app, lock, gateway):
        return None
    return lock
