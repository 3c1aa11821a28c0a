"""A PIN as people say it, and as it is kept: only what it can be compared with.

The derivation is scrypt (RFC 7914). Ten thousand PINs are soon tried by who has the file; what
keeps them from being guessed at the door is the pause after wrong ones.
"""

from collections.abc import Mapping
from hashlib import scrypt
from hmac import compare_digest
import os
import re
from typing import Any, Final
from unicodedata import normalize

_PIN: Final = re.compile(r"[0-9]{4,12}")
_SALT_SIZE: Final = 16  # bytes
_WORDS: Final = {
    word: str(digit)
    for words in (
        "zero one two three four five six seven eight nine",
        "null eins zwei drei vier fünf sechs sieben acht neun",
        "cero uno dos tres cuatro cinco seis siete ocho nueve",
        "零 一 二 三 四 五 六 七 八 九",
    )
    for digit, word in enumerate(words.split())
} | {"oh": "0", "o": "0", "\N{IDEOGRAPHIC NUMBER ZERO}": "0", "幺": "1", "zwo": "2", "两": "2"}
_PART: Final = re.compile(r"[0-9]+|[\u3007-\u9fff]|[^\W\d_]+")


def digits(said: str) -> str | None:
    """Return the PIN that was typed or said digit by digit, None if it is none.

    Words are English, German, Spanish and Chinese.
    """
    parts = _PART.findall(normalize("NFKC", said).casefold())
    found = "".join(part if part.isdecimal() else _WORDS.get(part, "?") for part in parts)
    return found if _PIN.fullmatch(found) else None


def sealed(pin: str) -> dict[str, str]:
    """Return what is kept of a PIN; it takes some 50 ms."""
    salt = os.urandom(_SALT_SIZE)
    return {"salt": salt.hex(), "hash": _derived(pin, salt).hex()}


def is_sealed_as(pin: str, kept: Mapping[str, Any]) -> bool:
    """Return whether this PIN is the one that was kept; it takes some 50 ms."""
    return compare_digest(_derived(pin, bytes.fromhex(kept["salt"])), bytes.fromhex(kept["hash"]))


def _derived(pin: str, salt: bytes) -> bytes:
    return scrypt(pin.encode(), salt=salt, n=2**14, r=8, p=1)
