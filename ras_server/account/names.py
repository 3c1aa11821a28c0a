"""The name of an account: a phone number or an e-mail address (clause 7.1)."""

import re
from typing import Final

import probatio

from .. import fields
from ..errors import Code, RasError
from ..store.accounts import Account

_PHONE: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_EMAIL: Final = re.compile(r"([^\s@,;:<>()\[\]\\\"]{1,64})@((?:[a-z0-9-]{1,63}\.)+[a-z0-9-]{2,63})")
_EMAIL_LENGTH: Final = 254


@fields.described(
    type="string",
    anyOf=[
        {"pattern": f"^{_PHONE.pattern}$"},
        {
            "pattern": r"^[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z0-9-]{2,63}$",
            "maxLength": _EMAIL_LENGTH,
        },
    ],
)
def _value(value: object) -> str:
    """Accept a string: what is no account is refused with a code of its own (1001)."""
    if not isinstance(value, str):
        raise probatio.Invalid("expected a string")
    return value


ACCOUNT: Final = {
    probatio.Required("type"): probatio.In(["phone", "email"]),
    probatio.Required("value"): _value,
}
"""The field `account` of a body."""


def type_of(value: str) -> str:
    """Return whether a name is that of a phone or an e-mail account, if it is one at all."""
    return "email" if "@" in value else "phone"


def from_body(given: dict[str, str]) -> Account:
    """Return the canonical account of a body's field, or raise 1001."""
    account = parse(given["value"])
    if account is None or account.type != given["type"]:
        raise RasError(
            Code.ACCOUNT_MALFORMED,
            "The phone number must be in E.164 form, the e-mail address a plain one",
            errors=[("/account/value", "malformed")],
        )
    return account


def parse(value: str) -> Account | None:
    """Return the canonical account of a name, or None if it is none."""
    if _PHONE.fullmatch(value):
        return Account("phone", value)
    local, at, domain = value.rpartition("@")
    value = local + at + domain.lower()
    if len(value) <= _EMAIL_LENGTH and _EMAIL.fullmatch(value) and value.isprintable():
        return Account("email", value)
    return None
