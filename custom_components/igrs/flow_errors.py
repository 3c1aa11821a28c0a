"""Why a form is shown again: every error of a flow as a field and the key of its text."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from homeassistant.const import CONF_CODE

from .errors import LockError
from .igrs_codec.errors import SetupCodeError
from .ras_errors import (
    Code,
    RasAuthError,
    RasError,
    RasSchemaError,
    RasUnreachableError,
)
from .scram import ScramError, ScramTextError

CONF_ACCOUNT: Final = "account"
CONF_SETUP_CODE: Final = "setup_code"

type FormError = LockError | RasError | ScramError | SetupCodeError
FORM_ERRORS: Final = (LockError, RasError, ScramError, SetupCodeError)

_REFUSALS: Final[Mapping[int | None, tuple[str, str]]] = MappingProxyType(
    {
        Code.IDENTIFIER_MALFORMED: (CONF_ACCOUNT, "invalid_account"),
        Code.VERIFICATION_CODE_WRONG: (CONF_CODE, "wrong_code"),
        Code.TOO_MANY_TRIES: ("base", "too_many_tries"),
        Code.DEVICE_OF_OTHER: ("base", "owned_by_other"),
        Code.NOT_LEGITIMATE: (CONF_SETUP_CODE, "wrong_setup_code"),
        Code.WINDOW_CLOSED: ("base", "window_closed"),
        Code.DEVICE_REJECTED: (CONF_SETUP_CODE, "wrong_setup_code"),
        Code.BUSY: ("base", "lock_busy"),
        Code.DEVICE_TIMEOUT: ("base", "no_answer"),
        Code.RATE_LIMITED: ("base", "too_many_tries"),
    }
)


@dataclass(frozen=True, slots=True)
class Problem:
    """The errors of a form by field, and what their texts need."""

    errors: dict[str, str] = field(default_factory=dict)
    placeholders: dict[str, str] = field(default_factory=dict)


def problem(err: FormError) -> Problem:
    """Return what the form says about an error."""
    where, placeholders = "base", {}
    match err:
        case LockError():
            key, placeholders = err.reason.value, dict(err.translation_placeholders or {})
        case SetupCodeError():
            where, key = CONF_SETUP_CODE, "wrong_setup_code"
        case RasAuthError() | ScramTextError():
            key = "invalid_auth"
        case ScramError():
            key = "server_not_genuine"
        case RasSchemaError():
            key = "server_too_old" if err.too_old else "server_too_new"
        case RasUnreachableError():
            key = "cannot_connect"
        case _:
            where, key = _REFUSALS.get(err.code, ("base", "refused"))
            placeholders = {"code": str(err.code)}
    return Problem({where: key}, placeholders)
