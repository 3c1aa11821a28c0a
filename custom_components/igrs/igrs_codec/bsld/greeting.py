"""The HELLO of one link: which one counts, and what it is still good for.

Project profile (protocol 6 and 13), the client's side.
"""

from ..driver import HelloSeen
from ..errors import HelloError
from .packet import Hello
from .session import HelloMemory
from .tracker import Tracker


class Greeting:
    """What the lock last said HELLO with on this link.

    expected: the next HELLO is explained, being the first one or following an answer
    to administration. spent: a session of somebody else was opened under the present
    one. doubted: the RAS was asked to correct the clock. at is when it came.
    """

    def __init__(self, memory: HelloMemory, tracker: Tracker) -> None:
        self.seen: HelloSeen | None = None
        self.at = 0.0
        self.expected = True
        self.spent = False
        self.doubted = False
        self._memory = memory
        self._tracker = tracker

    def take(self, packet: bytes, now: float) -> HelloSeen | None:
        """Return a HELLO that counts, None for another; RefusedError for a replay."""
        if not self.expected:
            return None
        try:
            hello = Hello.from_bytes(packet)
        except HelloError:
            return None
        self._memory.accept(hello, now)
        self._tracker.hello_seen(clock_set=hello.clock_set, now=now)
        self.seen, self.at = HelloSeen(hello, packet), now
        self.expected = self.spent = False
        return self.seen
