"""The way of an incoming envelope: checked, signed with its sender, handed on (clause 7.7)."""

from typing import Any

from aiohttp import web

from igrs_codec.errors import EnvelopeError, UnknownMessageError
from igrs_codec.message.envelope import Envelope, MessageKind, is_mid

from ..errors import Code, RasError
from ..keys import DATABASE, SETTINGS
from ..principal import Kind, Principal
from .push import PUSH


async def take(app: web.Application, sender: Principal, message: Any) -> None:
    """Take an envelope from a connected client; what is wrong with it is answered with mi 2."""
    push = app[PUSH]
    mid = message.get("mid") if isinstance(message, dict) else None
    try:
        envelope = signed(message, sender)
        await push.take(envelope.to_object(), sender)
        if not envelope.ack:
            return
        answer = {"status": 0, "code": 0}
    except RasError as err:
        if not is_mid(mid):
            return
        answer = {"status": 1, "code": int(err.code)}
    await app[DATABASE].settle()
    source = f"ras:{app[SETTINGS].node}"
    push.publish(sender.address, MessageKind.RESPONSE, answer, src=source, re=mid)


def signed(message: Any, sender: Principal) -> Envelope:
    """Return an envelope with the sender we know; a gateway may speak for a device."""
    if not isinstance(message, dict):
        raise RasError(Code.MALFORMED, "A message is a JSON object")
    claimed = str(message.get("src"))
    for_device = sender.kind is Kind.GATEWAY and claimed.startswith("dev:")
    source = {
        "src": claimed if for_device else sender.address,
        "via": sender.address if for_device else None,
    }
    try:
        return Envelope.from_object(message | source)
    except UnknownMessageError:
        raise RasError(Code.MESSAGE_UNKNOWN, "There is no such kind of message") from None
    except EnvelopeError as err:
        code = Code.SCHEMA if err.pointer == "/v" else Code.MALFORMED
        raise RasError(code, f"The message is malformed at {err.pointer}") from None
