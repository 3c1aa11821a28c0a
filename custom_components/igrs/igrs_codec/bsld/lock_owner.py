"""The ownership in force: where it is kept, and the keys that follow from it.

Project profile (protocol 3 and 10). Without a readable record the lock is in the state
FAULT: closed to BLE, until somebody inside makes it nobody's.
"""

from typing import Final, Self

from ..errors import FormatError
from .keys import admin_key, admin_key_unowned, advert_key
from .lock_clock import LockClock
from .lock_memory import Memory
from .lock_state import Identity, Ownership
from .packet import BlockKey

WINDOW_SECONDS: Final = 300  # the pairing window


class Owner:
    """Holds the one Ownership of a lock and replaces it, storage first.

    ownership None is the state FAULT.
    """

    def __init__(
        self, identity: Identity, memory: Memory, clock: LockClock, ownership: Ownership | None
    ) -> None:
        self.identity = identity
        self.fault = ownership is None
        self._memory = memory
        self._clock = clock
        self._window_until = 0
        self._take_over(ownership or Ownership())

    @classmethod
    def recall(cls, identity: Identity, memory: Memory, clock: LockClock) -> Self:
        """Read the ownership after a power loss."""
        data = memory.ownership()
        try:
            ownership = None if data is None else Ownership.from_bytes(data)
        except FormatError:
            ownership = None
        return cls(identity, memory, clock, ownership)

    @property
    def ownership(self) -> Ownership:
        """The ownership in force."""
        return self._own

    @property
    def root(self) -> bytes:
        """The root key of the present generation."""
        return self._own.k_d or self.identity.k_f

    @property
    def k_adv(self) -> bytes:
        """The key of the advertisements of an owned lock."""
        return self._k_adv

    def admin_key(self, gen: int, hello_packet: bytes) -> BlockKey:
        """Return K_adm of generation 0, the present or the pending one."""
        if not gen:
            return admin_key_unowned(self.identity.k_f, self.identity.device, hello_packet)
        return self._admin_keys[gen]

    def keep(self, ownership: Ownership) -> None:
        """Replace the ownership, on storage first; nothing is written for no change."""
        if ownership != self._own:
            self._memory.write_ownership(bytes(ownership))
            self._take_over(ownership)

    def abandon(self, first_record: int) -> None:
        """Make the lock nobody's, also out of the state FAULT."""
        ownership = Ownership(first_record=first_record)
        self._memory.write_ownership(bytes(ownership))
        self._take_over(ownership)
        self.fault = False

    def open_window(self) -> None:
        """Open the pairing window for 5 minutes."""
        self._window_until = self._clock.uptime + WINDOW_SECONDS

    def close_window(self) -> None:
        """Close the pairing window: a new owner has to press the button again."""
        self._window_until = 0

    @property
    def window_until(self) -> int | None:
        """The uptime at which the open pairing window closes, None while it is closed."""
        return self._window_until if self._clock.uptime < self._window_until else None

    def _take_over(self, own: Ownership) -> None:
        device = self.identity.device
        keys = {own.gen: own.k_d} if own.gen else {}
        if own.pending:
            keys[own.pending.gen] = own.pending.k_d
        self._own = own
        self._admin_keys = {gen: admin_key(k_d, device, gen) for gen, k_d in keys.items()}
        self._k_adv = advert_key(own.k_d, device, own.gen) if own.gen else b""
