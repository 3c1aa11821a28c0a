"""What can go wrong between the integration and the RAS (project profile, API 2.3).

    RasError                     base; `code` is the number of the table below, or None
    ├── RasUnreachableError      no answer, or none that a RAS gives: go on with the tickets
    │   └── RasCertificateError  the TLS certificate is not the expected one; carries `got`
    ├── RasSchemaError           the RAS speaks another version; carries `too_old`
    ├── RasAuthError             the credentials are not (or no longer) good: log in again
    └── RasRefusedError          the RAS understood and says no; `code` says why

The message of an error never contains what was sent or received, only the code.
"""

from enum import IntEnum
from typing import override


class Code(IntEnum):
    """Why the RAS answered as it did (project profile, table of API 2.3)."""

    OK = 0
    FAILED = 1
    IDENTIFIER_MALFORMED = 1001
    IDENTIFIER_TAKEN = 1002
    VERIFICATION_CODE_WRONG = 1003
    CREDENTIALS_WRONG = 1004
    SECOND_FACTOR_NEEDED = 1005
    TOO_MANY_TRIES = 1006
    TOKEN_EXPIRED = 1007
    DEVICE_UNKNOWN = 2001
    DEVICE_OF_OTHER = 2002
    NOT_LEGITIMATE = 2003
    WINDOW_CLOSED = 2004
    NO_GATEWAY = 2005
    BUSY = 2006
    DEVICE_TIMEOUT = 2007
    NOT_SUPPORTED = 2008
    DEVICE_ID_MALFORMED = 2009
    DEVICE_REJECTED = 2010
    CLOCK_UNSET = 2011
    JAMMED = 2012
    MEMORY_FULL = 2013
    NO_PERMISSION = 3001
    OUTSIDE_SCHEDULE = 3002
    EXPIRED = 3003
    GEOFENCE = 3004
    USES_SPENT = 3005
    CONFIRMATION_NEEDED = 3006
    PIN_WRONG = 3007
    MALFORMED = 4001
    MESSAGE_UNKNOWN = 4002
    MID_REUSED = 4003
    TIME_OUT_OF_RANGE = 4004
    RESOURCE_UNKNOWN = 4005
    SCHEMA_UNSUPPORTED = 4006
    CHANGED = 4007
    STILL_RUNNING = 4008
    INTERNAL = 5001
    NOT_WRITER = 5002
    RATE_LIMITED = 5003
    NOT_READY = 5004


class RasError(Exception):
    """Base of everything the RAS client raises."""

    def __init__(
        self,
        code: int | None = None,
        *,
        retry_after: float | None = None,
        needs: str | None = None,
    ) -> None:
        """Keep the code of the answer, the wait it asks for (s), and what is to be shown.

        needs is `pin`, `confirm` or `second_person` with code 3006, `second_person` also with 3001
        (API 6).
        """
        super().__init__(code)
        self.code = code
        self.retry_after = retry_after
        self.needs = needs

    @override
    def __str__(self) -> str:
        return type(self).__name__ if self.code is None else f"{type(self).__name__} {self.code}"


class RasUnreachableError(RasError):
    """No answer, or none that a RAS gives."""


class RasCertificateError(RasUnreachableError):
    """The TLS certificate is neither pinned nor trusted."""

    def __init__(self, got: bytes | None = None) -> None:
        """Keep the SHA-256 of the certificate shown, 32 bytes, if it is known."""
        super().__init__()
        self.got = got


class RasSchemaError(RasError):
    """The RAS and this integration have no message schema in common."""

    def __init__(self, *, too_old: bool) -> None:
        """Say which side has to be updated: the RAS if it is too old."""
        super().__init__(Code.SCHEMA_UNSUPPORTED)
        self.too_old = too_old


class RasAuthError(RasError):
    """The credentials are wrong, expired or revoked."""


class RasRefusedError(RasError):
    """The RAS understood the request and refuses it."""
