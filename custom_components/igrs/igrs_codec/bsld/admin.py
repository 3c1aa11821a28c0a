"""Administration frames, kind ADMIN: made by the RAS, carried by any gateway.

Project profile (protocol 7.1 and 9); command 01 has the place of Tables 3 and 4. What
the nine bytes of each command mean stands in admin_values.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ..errors import DeviceIdError, FrameError, ProtocolError, Reason, RefusedError
from .admin_values import (
    DELETE,
    CodeOperation,
    Codes,
    CodesAnswer,
    Config,
    ConfigAnswer,
    Epoch,
    EpochAnswer,
    Parameter,
    Prepare,
    PrepareAnswer,
    RemoveAnswer,
    TimeAnswer,
    UserAnswer,
    WriteUser,
)
from .frame import Command, Frame, FrameType, Right
from .keys import DEVICE_ID_SIZE, RE_KEY_NONCE_SIZE
from .packet import MAX_GENERATION, BlockKey, Hello, Kind, header

NO_START: Final = 0xFFFF
"""not_before of a user without a first day."""
FIRST_DAY: Final = 18262
"""2020-01-01 UTC in days since 1970: day 0 of not_before."""
TIME_NONCE_SIZE: Final = 9
ROWS: Final = 64

_REMOVE: Final = b"RMV"

type AdminAnswer = (
    UserAnswer
    | TimeAnswer
    | PrepareAnswer
    | EpochAnswer
    | ConfigAnswer
    | CodesAnswer
    | RemoveAnswer
)

ANSWERS: Final[Mapping[Command, type[AdminAnswer]]] = MappingProxyType(
    {
        Command.WRITE_USER: UserAnswer,
        Command.TIME: TimeAnswer,
        Command.PREPARE: PrepareAnswer,
        Command.EPOCH: EpochAnswer,
        Command.CONFIG: ConfigAnswer,
        Command.CODES: CodesAnswer,
        Command.REMOVE: RemoveAnswer,
    }
)


def write_user(
    uid: int, row: int, rights: Right, *, epoch: int, not_before: int | None = None
) -> bytes:
    """Return the Value that writes a user; not_before in days since 2020-01-01 UTC."""
    if uid == 0 or not 0 <= row < ROWS:
        raise FrameError("uid 0, or a row out of 0..63")
    day = NO_START if not_before is None else not_before
    return bytes(WriteUser(uid, row, rights, day, epoch))


def delete_user(uid: int, *, epoch: int) -> bytes:
    """Return the Value that deletes a user, in whatever row."""
    if uid == 0:
        raise FrameError("uid 0")
    return bytes(WriteUser(uid, DELETE, Right(0), NO_START, epoch))


def set_time(hello: Hello) -> bytes:
    """Return the Value of command 10; the time to set is the frame's time."""
    return hello.nonce[:TIME_NONCE_SIZE]


def prepare(n_r: bytes, gen: int, *, x25519: bool) -> bytes:
    """Return the Value that prepares generation gen (n_r: 8 bytes)."""
    if len(n_r) != RE_KEY_NONCE_SIZE or not 1 <= gen <= MAX_GENERATION:
        raise FrameError("N_R has 8 bytes, a new generation is 1..15")
    return bytes(Prepare(n_r, x25519, gen))


def raise_epoch(epoch: int) -> bytes:
    """Return the Value of command 12."""
    return bytes(Epoch(epoch))


def config(parameter: Parameter, value: int, *, epoch: int) -> bytes:
    """Return the Value of command 13."""
    return bytes(Config(parameter, value, epoch))


def codes(
    operation: CodeOperation,
    *,
    epoch: int,
    code_class: int = 0,
    code_index: int = 0,
    start: int = 0,
) -> bytes:
    """Return the Value of command 14 (class, index and start as in protocol 9.1)."""
    return bytes(Codes(operation, code_class, code_index, start, epoch))


def remove(device: bytes) -> bytes:
    """Return the Value of command 15 for a device id (6 bytes)."""
    if len(device) != DEVICE_ID_SIZE:
        raise DeviceIdError(f"a device id has {DEVICE_ID_SIZE} bytes")
    return device + _REMOVE


def request(
    key: BlockKey, gen: int, tag: int, *, command: Command, value: bytes, time: int
) -> bytes:
    """Return the packet of a request under K_adm of gen."""
    frame = Frame(command, FrameType.REQUEST, value, time)
    return key.seal(header(Kind.ADMIN, gen, tag), bytes(frame))


def answer(
    key: BlockKey, gen: int, tag: int, *, command: Command, value: bytes, time: int
) -> bytes:
    """Return the packet of a lock's answer; time is the one of the request."""
    frame = Frame(command, FrameType.RESPONSE, value, time)
    return key.seal(header(Kind.ADMIN, gen, tag, from_lock=True), bytes(frame))


def read_answer(
    key: BlockKey, packet: bytes, *, gen: int, tag: int, command: Command, time: int
) -> AdminAnswer:
    """Return the answer to an outstanding request (protocol 13).

    Raises PacketError or FrameError for what is no answer at all, RefusedError
    (BAD_HEADER, WRONG_TYPE, WRONG_COMMAND, WRONG_TIME) for another one's. In every
    case the request stays outstanding. The caller compares the check value of 11.
    """
    if command not in ANSWERS:
        raise ProtocolError("not a command of the administration")
    plain = key.open(packet)
    if packet[:4] != header(Kind.ADMIN, gen, tag, from_lock=True):
        raise RefusedError(Reason.BAD_HEADER)
    frame = Frame.from_bytes(plain)
    if frame.type is not FrameType.RESPONSE:
        raise RefusedError(Reason.WRONG_TYPE)
    if frame.command != command:
        raise RefusedError(Reason.WRONG_COMMAND)
    if frame.time != time:
        raise RefusedError(Reason.WRONG_TIME)
    return ANSWERS[command].from_bytes(frame.value)
