"""Offline and temporary keypad codes (project profile, protocol 14).

digits(class, index, start): CMAC(K_code, "C" | class | index | start)[0:8] mod
base^length. Class 0 is one-time (start = running number), classes 1 to 4 are windows of
1 h, 1 day, 7 days and 28 days. Codes are secrets: no error text contains one.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from hmac import compare_digest
from struct import Struct
from typing import Final, NamedTuple, Self

from ..errors import CodeFormatError
from .frame import MAX_TIME
from .keys import cmac

ONCE: Final = 0
ONCE_WINDOW: Final = 8  # numbers from the base on that the lock accepts
WINDOW_SECONDS: Final = (0, 3600, 86400, 7 * 86400, 28 * 86400)  # by class
INDEXES: Final = 2  # different codes per window

_MIN_COMBINATIONS: Final = 10**8
_LENGTHS: Final = range(8, 17)
_BASES: Final = range(4, 11)
_FIRSTS: Final = range(2)
_MAX_BASE: Final = 10
_INPUT: Final = Struct(">cBBI")
_FORMAT: Final = Struct(">BBBB")


@dataclass(frozen=True, slots=True)
class CodeFormat:
    """How a code is written: length 8..16 digits, base 4..10, first digit 0 or 1.

    Raises CodeFormatError out of the limits or below 10^8 combinations.
    """

    length: int = 10
    base: int = 10
    first: int = 0

    def __post_init__(self) -> None:
        """Refuse a format that can be guessed or not typed."""
        if not (
            self.length in _LENGTHS
            and self.base in _BASES
            and self.first in _FIRSTS
            and self.first + self.base <= _MAX_BASE
            and self.base**self.length >= _MIN_COMBINATIONS
        ):
            raise CodeFormatError("code format out of its limits")

    def to_value(self) -> int:
        """Return the u32 of configuration parameter 5."""
        return int.from_bytes(_FORMAT.pack(0, self.length, self.base, self.first))

    @classmethod
    def from_value(cls, value: int) -> Self:
        """Read the u32 of configuration parameter 5, or raise CodeFormatError."""
        if not 0 <= value <= MAX_TIME:
            raise CodeFormatError("not a u32")
        zero, length, base, first = _FORMAT.unpack(value.to_bytes(_FORMAT.size))
        if zero:
            raise CodeFormatError("first byte of a code format is zero")
        return cls(length, base, first)

    def fits(self, text: str) -> bool:
        """Return whether a text could be a code: digits of the right number and range."""
        low = ord("0") + self.first
        return len(text) == self.length and all(low <= ord(c) < low + self.base for c in text)


DEFAULT_FORMAT: Final = CodeFormat()


class CodeId(NamedTuple):
    """What a code stands for: class 0..4, index 0..1, start u32 (or number)."""

    code_class: int
    code_index: int
    start: int


class TimedCode(NamedTuple):
    """A code and its window: valid from start to end (exclusive), Unix seconds."""

    code: str
    start: int
    end: int

    def __repr__(self) -> str:
        """Hide the code."""
        return f"TimedCode(start={self.start}, end={self.end})"


def digits(k_code: bytes, code: CodeId, form: CodeFormat = DEFAULT_FORMAT) -> str:
    """Return the digits of a code, or raise CodeFormatError if there is no such code."""
    code_class, code_index, start = code
    if not (
        0 <= code_class < len(WINDOW_SECONDS)
        and 0 <= code_index < (1 if code_class == ONCE else INDEXES)
        and 0 <= start <= MAX_TIME
    ):
        raise CodeFormatError("no such code")
    mac = cmac(k_code, _INPUT.pack(b"C", code_class, code_index, start))
    value = int.from_bytes(mac[:8])
    text = ""
    for _ in range(form.length):
        value, digit = divmod(value, form.base)
        text = f"{digit + form.first}{text}"
    return text


def once(k_code: bytes, number: int, form: CodeFormat = DEFAULT_FORMAT) -> str:
    """Return the one-time code of a running number (from 1 on)."""
    return digits(k_code, CodeId(ONCE, 0, number), form)


def timed(
    k_code: bytes, code_class: int, code_index: int, at: int, form: CodeFormat = DEFAULT_FORMAT
) -> TimedCode:
    """Return the code of the newest window of a class (1..4) that has begun at a time."""
    if not 1 <= code_class < len(WINDOW_SECONDS) or not 0 <= at <= MAX_TIME:
        raise CodeFormatError("no such class or time")
    length = WINDOW_SECONDS[code_class]
    start = at - at % (length // 2)
    return TimedCode(
        digits(k_code, CodeId(code_class, code_index, start), form), start, start + length
    )


def candidates(once_base: int, now: int | None) -> Iterator[CodeId]:
    """Yield all codes that can be valid now (None: the clock is unset): at most 24."""
    for number in range(once_base, min(once_base + ONCE_WINDOW, MAX_TIME + 1)):
        yield CodeId(ONCE, 0, number)
    if now is None:
        return
    for code_class, length in list(enumerate(WINDOW_SECONDS))[1:]:
        half = length // 2
        newest = now - now % half
        for start in (newest, newest - half):
            if start >= 0:
                for code_index in range(INDEXES):
                    yield CodeId(code_class, code_index, start)


def verify(
    k_code: bytes,
    text: str,
    *,
    now: int | None,
    once_base: int,
    once_used: int,
    cancelled: Collection[CodeId],
    form: CodeFormat = DEFAULT_FORMAT,
) -> CodeId | None:
    """Return what a typed code stands for, or None.

    now is None while the clock is unset; bit i of once_used says that the number
    once_base + i was used; cancelled codes never match. Every candidate is computed
    and compared in constant time, whether an earlier one matched or not.
    """
    if not form.fits(text):
        return None
    match = None
    for code in candidates(once_base, now):
        used = code.code_class == ONCE and once_used >> (code.start - once_base) & 1
        equal = compare_digest(digits(k_code, code, form), text)
        if equal and not used and code not in cancelled and match is None:
            match = code
    return match
