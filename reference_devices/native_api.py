"""The native API of ESPHome in clear: protobuf messages over TCP.

Frame: 00 | length of the body (varint) | message type (varint) | body. The messages and their
numbers are those that the client library of Home Assistant ships.
"""

from asyncio import IncompleteReadError, StreamReader
from types import SimpleNamespace
from typing import Any, Final

from aioesphomeapi.core import MESSAGE_TYPE_TO_PROTO
from google.protobuf.message import DecodeError, Message

MAX_BODY: Final = 65535  # bytes

_PREAMBLE: Final = 0
_MAX_VARINT_SIZE: Final = 4  # bytes, as the client library limits it too

messages: Final[Any] = SimpleNamespace(
    **{message.DESCRIPTOR.name: message for message in MESSAGE_TYPE_TO_PROTO.values()}
)
"""The message classes, by their names in the API (protobuf makes them at run time)."""

_NUMBERS: Final[dict[type[Message], int]] = {
    message: number for number, message in MESSAGE_TYPE_TO_PROTO.items()
}


class ApiError(Exception):
    """The client does not speak this API in clear."""


def encode(message: Message) -> bytes:
    """Return the frame of a message."""
    body = message.SerializeToString()
    return bytes((_PREAMBLE,)) + _varint(len(body)) + _varint(_NUMBERS[type(message)]) + body


async def read(reader: StreamReader) -> Message | None:
    """Return the next message, or None when the client is gone.

    Raises:
        ApiError: What comes is not a frame, or not a message.

    """
    while True:
        try:
            if await _read_varint(reader) != _PREAMBLE:
                raise ApiError("not the plaintext API; remove the encryption key at the client")
            size, number = await _read_varint(reader), await _read_varint(reader)
            if size > MAX_BODY:
                raise ApiError(f"a message of {size} bytes")
            body = await reader.readexactly(size)
            if number in MESSAGE_TYPE_TO_PROTO:
                message: Message = MESSAGE_TYPE_TO_PROTO[number].FromString(body)
                return message
        except IncompleteReadError, ConnectionError:
            return None
        except DecodeError as err:
            raise ApiError(f"not a message of type {number}") from err


async def _read_varint(reader: StreamReader) -> int:
    value = 0
    for position in range(_MAX_VARINT_SIZE):
        (byte,) = await reader.readexactly(1)
        value |= (byte & 0x7F) << 7 * position
        if byte < 0x80:  # noqa: PLR2004 (no more to come)
            return value
    raise ApiError("a number without end")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:  # noqa: PLR2004 (seven bits to a byte)
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
