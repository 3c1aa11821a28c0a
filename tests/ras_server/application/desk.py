"""Somebody who needs a second person to open a door, and those around him."""

from typing import Any

from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.application.test_operations import operate, unlock
from tests.ras_server.client import Answer, Client
from tests.ras_server.conftest import MovableClock

BEN, CLEO = "ben@example.org", "cleo@example.org"


class Desk:
    """Ben, who needs a second person, Cleo, who does not, and the owner of the door."""

    def __init__(
        self, owner: Client, home: Gateway, door: Door, clock: MovableClock, *, ben: Client
    ) -> None:
        """Begin with a grant for Ben."""
        self.owner = owner
        self.home = home
        self.door = door
        self.clock = clock
        self.ben = ben
        self.grant: dict[str, Any] = {}

    async def tries(self, who: Client | None = None, **shown: Any) -> Answer:
        """Let somebody, Ben if nobody is named, unlock the door."""
        return await operate(who or self.ben, self.door, unlock(self.clock) | shown)

    async def says(self, who: Client, confirmation: str, answer: str = "yes") -> Answer:
        """Let somebody answer."""
        return await who.post(f"/v1/confirmations/{confirmation}", {"answer": answer})

    async def waits(self, who: Client) -> list[str]:
        """Return what waits for somebody."""
        listed = await who.get("/v1/confirmations")
        assert listed.http == 200, listed
        return [each["confirmation"] for each in listed.data["items"]]

    async def agreed(self, who: Client | None = None, **shown: Any) -> str:
        """Let somebody ask, and the owner say yes; return what was answered."""
        asked = await self.tries(who, **shown)
        confirmation = str(asked.data["confirmation"])
        assert (await self.says(self.owner, confirmation)).code == 0
        return confirmation
