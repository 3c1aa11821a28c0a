"""Where a lock takes its random numbers from (project profile, protocol 6)."""

from collections.abc import Callable
from typing import Protocol

from .advert import UNOWNED_RANDOM_SIZE
from .keys import hello_nonce
from .packet import KEY_SIZE, PUBLIC_KEY_SIZE

type Random = Callable[[int], bytes]
"""Returns so many random bytes."""


class Entropy(Protocol):
    """Fresh numbers; none may ever repeat."""

    def nonce(self, root: bytes, gen: int) -> bytes:
        """Return the 12 bytes N_L of a HELLO; root is the key of the generation."""
        ...

    def private_key(self) -> bytes:
        """Return a new X25519 private key, 32 bytes."""
        ...

    def advert(self) -> bytes:
        """Return the 5 bytes of an unowned lock's advertisement."""
        ...


class HedgedEntropy:
    """A generator whose failure alone does not repeat a nonce."""

    def __init__(self, device: bytes, random: Random, boot: int) -> None:
        self._device = device
        self._random = random
        self._boot = boot
        self._number = 0

    def nonce(self, root: bytes, gen: int) -> bytes:
        """Return a nonce of boot number, running number and random bytes."""
        self._number += 1
        return hello_nonce(
            root,
            self._device,
            gen,
            boot=self._boot,
            number=self._number,
            random=self._random(KEY_SIZE),
        )

    def private_key(self) -> bytes:
        """Return a new X25519 private key, 32 bytes."""
        return self._random(PUBLIC_KEY_SIZE)

    def advert(self) -> bytes:
        """Return the 5 bytes of an unowned lock's advertisement."""
        return self._random(UNOWNED_RANDOM_SIZE)
