"""The way of an incoming envelope: checked, signed with its sender, handed on (clause 7.7)."""

from typing import Any, Final

from aiohttp import web
import probatio

from .. import fields
from ..errors import Code, RasError
from ..keys import DATABASE, SETTINGS
from ..principal import Kind, Principal
from ..web import MID_PATTERN, schema, validated
from .push import PUSH, RESPONSE, SCHEMA

_MID: Final = fields.pattern(MID_PATTERN, "a ULID")
_ADDRESS: Final = fields.text(60)
_KINDS: Final = range(1, 11)

_ENVELOPE: Final = schema(
    {
        probatio.Required("v"): fields.integer(0, 2**31),
        probatio.Required("mid"): _MID,
        probatio.Optional("re", default=None): probatio.Maybe(_MID),
        probatio.Required("ts"): fields.integer(0, 2**32),
        probatio.Optional("src", default=""): probatio.Maybe(_ADDRESS),
        probatio.Required("dst"): _ADDRESS,
        probatio.Required("dt"): fields.text(40),
        probatio.Required("mi"): fields.integer(0, 2**31),
        probatio.Optional("ack", default=False): bool,
        probatio.Required("body"): dict,
    }
)


async def take(app: web.Application, sender: Principal, message: Any) -> None:
    """Take an envelope from a connected client; what is wrong with it is answered with mi 2."""
    push = app[PUSH]
    mid = message.get("mid") if isinstance(message, dict) else None
    try:
        envelope = signed(validated(message, _ENVELOPE), sender)
        await push.take(envelope, sender)
        if not envelope["ack"]:
            return
        answer = {"status": 0, "code": 0}
    except RasError as err:
        if not isinstance(mid, str) or not MID_PATTERN.fullmatch(mid):
            return
        answer = {"status": 1, "code": int(err.code)}
    await app[DATABASE].settle()
    push.publish(sender.address, RESPONSE, answer, src=f"ras:{app[SETTINGS].node}", re=mid)


def signed(envelope: dict[str, Any], sender: Principal) -> dict[str, Any]:
    """Return an envelope with the sender we know; a gateway may speak for a device."""
    if envelope["v"] != SCHEMA:
        raise RasError(Code.SCHEMA, f"Only version {SCHEMA} of the envelope is understood")
    if envelope["mi"] not in _KINDS:
        raise RasError(Code.MESSAGE_UNKNOWN, "There is no such kind of message")
    claimed = envelope["src"] or ""
    for_device = sender.kind is Kind.GATEWAY and claimed.startswith("dev:")
    return envelope | {
        "src": claimed if for_device else sender.address,
        "via": sender.address if for_device else None,
    }
