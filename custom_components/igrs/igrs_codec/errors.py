"""Every error that leaves the codec (project profile).

IgrsError
├── FormatError            bytes, text or fields that cannot be what they should be
│   ├── FrameError         not a frame, or a frame whose Value means nothing
│   ├── PacketError        not a packet of BSLD/1
│   │   └── HelloError     not a HELLO
│   ├── AdvertError        not service data or an advertising report of BSLD/1
│   ├── KeyMaterialError   a key, nonce or public key of the wrong size
│   ├── DeviceIdError      not 12 hexadecimal characters, or not 6 bytes
│   ├── SetupCodeError     not the setup code or QR text of this device
│   ├── TicketError        not a ticket
│   ├── CodeFormatError    not a keypad code format, or a code that it cannot have
│   └── EnvelopeError      not a message of the RAS
├── RefusedError           the right form, but it must not be believed: see its reason
└── ProtocolError          the caller asks for what the protocol does not allow now

No error text contains a key, a ticket, a code or a packet.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why something of the right form is refused."""

    BAD_HEADER = "bad_header"
    """The header is not the one this receiver waits for."""
    WRONG_COMMAND = "wrong_command"
    """The plaintext holds another command than expected: noise or another's packet."""
    WRONG_TYPE = "wrong_type"
    """The plaintext is a request where an answer is expected, or the like."""
    WRONG_TIME = "wrong_time"
    """The time of the frame is not the expected one, or out of its window."""
    WRONG_ECHO = "wrong_echo"
    """The random number of the request does not come back."""
    NOT_ASKED = "not_asked"
    """An answer without an outstanding request."""
    NOT_CONFIRMED = "not_confirmed"
    """Nothing but a state answer is believed before the first one of the session."""
    COUNTER_GAP = "counter_gap"
    """The counter is not the next one: the link has to be closed."""
    REPLAYED = "replayed"
    """The counter was used before."""
    HELLO_USED = "hello_used"
    """The nonce of this HELLO was seen before."""
    HELLO_OLD = "hello_old"
    """The HELLO is not newer than an operation that was never answered."""
    HELLO_UNEXPECTED = "hello_unexpected"
    """A HELLO that nothing of this client's own flight explains."""
    WEAK_PUBLIC_KEY = "weak_public_key"
    """The shared secret of the key exchange is zero."""


class IgrsError(Exception):
    """Base of all errors of the codec."""


class FormatError(IgrsError):
    """Bytes, text or fields of the wrong shape."""


class FrameError(FormatError):
    """Not a frame, or a frame whose Value has no meaning."""


class PacketError(FormatError):
    """Not a packet of BSLD/1."""


class HelloError(PacketError):
    """Not a HELLO packet."""


class AdvertError(FormatError):
    """Not service data of BSLD/1."""


class KeyMaterialError(FormatError):
    """A key, nonce or public key of the wrong size."""


class DeviceIdError(FormatError):
    """Not a device id."""


class SetupCodeError(FormatError):
    """Not the setup code or QR text of this device."""


class TicketError(FormatError):
    """Not a ticket, or a lifetime that no ticket can say."""


class CodeFormatError(FormatError):
    """A keypad code format out of its limits, or a code that does not fit it."""


class EnvelopeError(FormatError):
    """Not a message between RAC, BGW and RAS.

    pointer is the JSON pointer of the offending member.
    mid is the identifier of the message, if it could be read (it can then be answered).
    """

    def __init__(self, message: str, *, pointer: str = "", mid: str | None = None) -> None:
        """Keep what an answer to the sender needs."""
        super().__init__(message)
        self.pointer = pointer
        self.mid = mid


class UnknownMessageError(EnvelopeError):
    """A message of the right form, of a kind (`mi`) that nobody defined."""


class RefusedError(IgrsError):
    """The right form, but it must not be believed."""

    def __init__(self, reason: Reason) -> None:
        """Say why."""
        super().__init__(reason.value.replace("_", " "))
        self.reason = reason


class ProtocolError(IgrsError):
    """A call that the protocol does not allow in this state."""
