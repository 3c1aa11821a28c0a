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
        _put(case.body, "mid", f"0{secrets.token_hex(13)[1:].upper()}", _MID)
        _put(case.body, "gateway_id", os.environ["REAL_GATEWAY"], re.compile(r".{1,40}"))
        if isinstance(case.body.get("ts"), int) and not isinstance(case.body["ts"], bool):
            case.body["ts"] = int(time.time())


def _put(fields: dict[str, Any], name: str, value: str, form: re.Pattern[str]) -> None:
    if isinstance(old := fields.get(name), str) and form.fullmatch(old):
        fields[name] = value
