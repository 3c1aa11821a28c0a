"""The answer codes of the server (clause 7.6, Table 1; numbers: project profile), and its errors.

Exception
  ├── RasError             a request is answered with a code; carries what the answer needs
  └── OperatorError        something only the operator can mend; the message says what
        ├── SettingsError
        ├── CommandError
        ├── DatabaseError
        └── VaultError
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, Final


class Code(IntEnum):
    """Why a request succeeded or failed."""

    OK = 0
    FAILED = 1
    ACCOUNT_MALFORMED = 1001
    ACCOUNT_TAKEN = 1002
    VERIFICATION_WRONG = 1003
    CREDENTIALS_WRONG = 1004
    SECOND_FACTOR_NEEDED = 1005
    TOO_MANY_TRIES = 1006
    TOKEN_INVALID = 1007
    DEVICE_UNKNOWN = 2001
    DEVICE_OWNED = 2002
    NOT_LEGITIMATE = 2003
    WINDOW_CLOSED = 2004
    NO_GATEWAY = 2005
    BUSY = 2006
    DEVICE_TIMEOUT = 2007
    NOT_SUPPORTED = 2008
    DEVICE_ID_MALFORMED = 2009
    FRAME_REJECTED = 2010
    CLOCK_UNSET = 2011
    JAMMED = 2012
    MEMORY_FULL = 2013
    NOT_PERMITTED = 3001
    OUTSIDE_SCHEDULE = 3002
    EXPIRED = 3003
    GEOFENCE = 3004
    USES_SPENT = 3005
    CONFIRMATION_NEEDED = 3006
    PIN_WRONG = 3007
    MALFORMED = 4001
    MESSAGE_UNKNOWN = 4002
    MID_REUSED = 4003
    TIME_STAMP = 4004
    UNKNOWN = 4005
    SCHEMA = 4006
    CHANGED = 4007
    RUNNING = 4008
    INTERNAL = 5001
    NOT_WRITER = 5002
    RATE_LIMITED = 5003
    NOT_READY = 5004

    @property
    def http(self) -> int:
        """Return the HTTP status that goes with the code."""
        return _HTTP[self]


_HTTP: Final = {
    Code.OK: 200,
    Code.FAILED: 500,
    Code.ACCOUNT_MALFORMED: 400,
    Code.ACCOUNT_TAKEN: 409,
    Code.VERIFICATION_WRONG: 403,
    Code.CREDENTIALS_WRONG: 401,
    Code.SECOND_FACTOR_NEEDED: 401,
    Code.TOO_MANY_TRIES: 429,
    Code.TOKEN_INVALID: 401,
    Code.DEVICE_UNKNOWN: 404,
    Code.DEVICE_OWNED: 409,
    Code.NOT_LEGITIMATE: 403,
    Code.WINDOW_CLOSED: 409,
    Code.NO_GATEWAY: 503,
    Code.BUSY: 409,
    Code.DEVICE_TIMEOUT: 504,
    Code.NOT_SUPPORTED: 422,
    Code.DEVICE_ID_MALFORMED: 400,
    Code.FRAME_REJECTED: 409,
    Code.CLOCK_UNSET: 409,
    Code.JAMMED: 409,
    Code.MEMORY_FULL: 409,
    Code.NOT_PERMITTED: 403,
    Code.OUTSIDE_SCHEDULE: 403,
    Code.EXPIRED: 403,
    Code.GEOFENCE: 403,
    Code.USES_SPENT: 403,
    Code.CONFIRMATION_NEEDED: 403,
    Code.PIN_WRONG: 403,
    Code.MALFORMED: 400,
    Code.MESSAGE_UNKNOWN: 400,
    Code.MID_REUSED: 409,
    Code.TIME_STAMP: 400,
    Code.UNKNOWN: 404,
    Code.SCHEMA: 400,
    Code.CHANGED: 412,
    Code.RUNNING: 409,
    Code.INTERNAL: 500,
    Code.NOT_WRITER: 421,
    Code.RATE_LIMITED: 429,
    Code.NOT_READY: 503,
}


class OperatorError(Exception):
    """The operator has to mend something; the message says what, in one line."""


class RasError(Exception):
    """A request is refused; the door answers it with the code.

    The message is for logs and developers and never contains a secret. `errors` are pairs of a
    JSON pointer and what is wrong there; `retry_after` is in seconds; `http` is given only where
    the status does not follow from the code (405, 413).
    """

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        errors: Sequence[tuple[str, str]] | None = None,
        retry_after: int | None = None,
        data: dict[str, Any] | None = None,
        http: int | None = None,
    ) -> None:
        """Keep what the answer needs."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.http = http or code.http
        self.retry_after = retry_after
        self.data = dict(data or {})
        if errors:
            self.data["errors"] = [{"pointer": at, "message": what} for at, what in errors]
        if retry_after is not None:
            self.data["retry_after"] = retry_after
