"""Hooks of schemathesis: what a generated request cannot know is put in half of the time.

Without the real lock, the real gateway and the present time, every request would end at the first
check.
"""

import os
import re
import secrets
import time
from typing import Any

import schemathesis

_DEVICE = re.compile(r"[0-9A-Fa-f]{2}(?:[:-]?[0-9A-Fa-f]{2}){5}")
_MID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_KEPT = ("/remove", "/transfer")
"""What would take the lock away is asked of other locks only."""


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Put the real things into a request that has the form for them."""
    path = case.path_parameters or {}
    if not case.path.endswith(_KEPT) and secrets.randbelow(2):
        _put(path, "device_id", os.environ["REAL_DEVICE"], _DEVICE)
        _put(path, "gateway_id", os.environ["REAL_GATEWAY"], re.compile(r"[a-z0-9-]+"))
    if isinstance(case.body, dict):
        if case.meta is not None and case.meta.generation.mode.is_positive:
            case.body = _usual(case.body)
            _fit(case.body)
        _put(case.body, "mid", f"0{secrets.token_hex(13)[1:].upper()}", _MID)
        _put(case.body, "gateway_id", os.environ["REAL_GATEWAY"], re.compile(r".{1,40}"))
        if isinstance(case.body.get("ts"), int) and not isinstance(case.body["ts"], bool):
            case.body["ts"] = int(time.time())


def _usual(value: Any) -> Any:
    """Return a value without control characters and with 5 for 5.0: no schema can ask for that."""
    match value:
        case dict():
            return {_usual(name): _usual(each) for name, each in value.items()}
        case list():
            return [_usual(each) for each in value]
        case str():
            return _CONTROL.sub("", value)
        case float() if value.is_integer():
            return int(value)
    return value


def _fit(body: dict[str, Any]) -> None:
    """Let the type of an account be that of its name."""
    for holder in (body, body.get("subject")):
        account = holder.get("account") if isinstance(holder, dict) else None
        if isinstance(account, dict) and isinstance(name := account.get("value"), str):
            account["type"] = "email" if "@" in name else "phone"


def _put(fields: dict[str, Any], name: str, value: str, form: re.Pattern[str]) -> None:
    if isinstance(old := fields.get(name), str) and form.fullmatch(old):
        fields[name] = value
