"""Validators of the fields of a body, beyond what probatio brings."""

from base64 import b64decode
import binascii
from collections.abc import Callable
from ipaddress import ip_address
import re
from typing import Any, Final

import probatio

type Validator = Callable[[Any], Any]

JSON_SCHEMAS: Final[dict[Validator, dict[str, Any]]] = {}
"""What a validator accepts, as JSON Schema, for the description of the interface."""

_NO_CONTROL: Final = r"^[^\u0000-\u001f\u007f]*$"
_DIGIT: Final = "[A-Za-z0-9+/]"


def described[V: Validator](**schema: Any) -> Callable[[V], V]:
    """Say as JSON Schema what a validator accepts."""

    def register(validate: V) -> V:
        JSON_SCHEMAS[validate] = schema
        return validate

    return register


_DEVICE_ID: Final = re.compile(r"[0-9A-Fa-f]{2}(?:[:-]?[0-9A-Fa-f]{2}){5}")


def text(maximum: int, minimum: int = 1) -> Callable[[object], str]:
    """Accept a string of so many characters."""

    @described(type="string", minLength=minimum, maxLength=maximum, pattern=_NO_CONTROL)
    def validate(value: object) -> str:
        if not isinstance(value, str):
            raise probatio.Invalid("expected a string")
        if not minimum <= len(value) <= maximum:
            raise probatio.Invalid(f"expected {minimum} to {maximum} characters")
        return value

    return validate


def integer(minimum: int, maximum: int) -> Callable[[object], int]:
    """Accept an integer in a range; a boolean is none."""

    @described(type="integer", minimum=minimum, maximum=maximum)
    def validate(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise probatio.Invalid("expected an integer")
        if not minimum <= value <= maximum:
            raise probatio.Invalid(f"expected {minimum} to {maximum}")
        return value

    return validate


def base64(minimum: int, maximum: int) -> Callable[[object], bytes]:
    """Accept base64 of so many bytes, and return the bytes."""

    @described(
        type="string",
        contentEncoding="base64",
        pattern=_base64_of(minimum, maximum),
    )
    def validate(value: object) -> bytes:
        if not isinstance(value, str):
            raise probatio.Invalid("expected base64")
        try:
            data = b64decode(value, validate=True)
        except binascii.Error, ValueError:
            raise probatio.Invalid("expected base64") from None
        if not minimum <= len(data) <= maximum:
            raise probatio.Invalid(f"expected {minimum} to {maximum} bytes")
        return data

    return validate


def _base64_of(minimum: int, maximum: int) -> str:
    """Return the pattern of base64 of so many bytes, with the three ways in which it can end."""
    ways = []
    for rest, end in enumerate(("", f"{_DIGIT}{{2}}==", f"{_DIGIT}{{3}}=")):
        least, most = max(0, -(-(minimum - rest) // 3)), (maximum - rest) // 3
        if least <= most:
            ways.append(f"(?:{_DIGIT}{{4}}){{{least},{most}}}{end}")
    return f"^(?:{'|'.join(ways)})$"


def hexadecimal(minimum: int, maximum: int) -> Callable[[object], bytes]:
    """Accept hexadecimal digits of so many bytes, and return the bytes."""

    @described(type="string", pattern=f"^(?:[0-9A-Fa-f]{{2}}){{{minimum},{maximum}}}$")
    def validate(value: object) -> bytes:
        if not isinstance(value, str) or re.fullmatch(r"(?:[0-9A-Fa-f]{2})*", value) is None:
            raise probatio.Invalid("expected hexadecimal digits")
        if not minimum <= len(value) // 2 <= maximum:
            raise probatio.Invalid(f"expected {minimum} to {maximum} bytes")
        return bytes.fromhex(value)

    return validate


def pattern(expression: re.Pattern[str], expected: str) -> Callable[[object], str]:
    """Accept a string that is as a whole of this form."""

    @described(type="string", pattern=f"^(?:{expression.pattern})$", description=expected)
    def validate(value: object) -> str:
        if not isinstance(value, str) or expression.fullmatch(value) is None:
            raise probatio.Invalid(f"expected {expected}")
        return value

    return validate


@described(type="string", pattern=f"^{_DEVICE_ID.pattern}$")
def device_id(value: object) -> str:
    """Accept a device id with or without separators, and return its 12 upper-case characters."""
    if not isinstance(value, str) or _DEVICE_ID.fullmatch(value) is None:
        raise probatio.Invalid("expected 12 hexadecimal characters")
    return value.replace(":", "").replace("-", "").upper()


def loopback(host: str) -> bool:
    """Tell whether a host name or IP address is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
