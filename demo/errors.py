"""What can go wrong.

DemoError
├── ProcessError       a program does not do what it should
├── SetUpError         Home Assistant does not go on with a form
├── CheckError         something is not as it must be
├── RasRefusedError    the RAS refused a request
└── HassRefusedError   Home Assistant refused a request
"""


class DemoError(Exception):
    """The demo cannot go on; the message is for a person."""


class ProcessError(DemoError):
    """A program did not start, or ended by itself; the message says where to look."""


class SetUpError(DemoError):
    """Home Assistant does not go on with a form; the message is its reason."""


class CheckError(DemoError):
    """Something is not as it must be; the message says what."""


class RasRefusedError(DemoError):
    """The RAS refused a request; `code` is that of its answer."""

    def __init__(self, code: int, message: str) -> None:
        """Keep the code."""
        super().__init__(f"the RAS refused with {code}: {message}")
        self.code = code


class HassRefusedError(DemoError):
    """Home Assistant refused a request; `status` is that of HTTP."""

    def __init__(self, status: int, message: str) -> None:
        """Keep the status."""
        super().__init__(f"Home Assistant refused with HTTP {status}: {message}")
        self.status = status
