"""The name of an account: a phone number or an e-mail address (clause 7.1)."""

import re
from typing import Final

import probatio

from ..errors import Code, RasError
from ..store.accounts import Account

_PHONE: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_EMAIL: Final = re.compile(r"([^\s@,;:<>()\[\]\\\"]{1,64})@((?:[a-z0-9-]{1,63}\.)+[a-z0-9-]{2,63})")
_EMAIL_LENGTH: Final = 254

ACCOUNT: Final = {
    probatio.Required("type"): probatio.In(["phone", "email"]),
    probatio.Required("value"): str,
}
"""The field `account` of a body."""


def from_body(fields: dict[str, str]) -> Account:
    """Return the canonical account of a body's field, or raise 1001."""
    account = parse(fields["value"])
    if account is None or account.type != fields["type"]:
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
