"""Who is shut out reads no advert of the lock that comes later, whatever was on its way then."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from igrs_codec.bsld.packet import Kind, parse_header
from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.application.test_tickets import tickets
from tests.ras_server.application.test_transfer import BEN, accept, offer
from tests.ras_server.client import Client
from tests.ras_server.conftest import MovableClock

OLD, NEXT, LAST = "1", "2", "3"
"""Generations of the lock."""


@contextmanager
def out_of_reach_at_the_commit(door: Door) -> Iterator[None]:
    """Let what is written under a generation that the lock does not have yet be lost."""
    write, present = door.write, int(door.lock.show()["generation"])

    def lose(packets: list[bytes]) -> tuple[list[bytes], bytes | None]:
        heads = [parse_header(packet) for packet in packets]
        later = any(head.kind is Kind.ADMIN and head.second != present for head in heads)
        return ([], None) if later else write(packets)

    door.write = lose  # type: ignore[method-assign]  # the radio is what fails
    try:
        yield
    finally:
        door.write = write  # type: ignore[method-assign]


async def half_done(owner: Client, home: Gateway, door: Door, clock: MovableClock) -> None:
    """Have the lock prepared for a key exchange whose commit it does not hear."""
    body = {"reason": "compromise"}
    assert (await owner.post(f"/v1/devices/{door.device_id}/rekey", body)).http == 202
    clock.move(61)
    with out_of_reach_at_the_commit(door):
        assert (await home.open(door, "deliver")).data["result"]["code"] == 2007
    assert str(door.lock.show()["generation"]) == OLD


async def settle(gateway: Gateway, door: Door, clock: MovableClock) -> None:
    """Deliver until nothing is due any more."""
    for _ in range(4):
        clock.move(61)
        await gateway.see(door)
        await gateway.open(door, "deliver")


@pytest.mark.parametrize("end", ["handed over", "gateway removed", "gateway removed, lock asleep"])
async def test_generation_on_its_way(
    owner: Client, home: Gateway, door: Door, clock: MovableClock, *, end: str
) -> None:
    """A generation that he had K_adv of does not count as the new key, also if it comes later."""
    ben = await owner.another().enter(BEN)
    await half_done(owner, home, door, clock)
    held = (await tickets(home, door)).data["k_adv"]
    assert list(held) == [OLD, NEXT]
    await owner.log_in("anna@example.org")
    await ben.log_in(BEN)

    if end == "handed over":
        offered = await offer(owner, door)
        assert (await accept(ben, offered.data["transfer_id"])).http == 200
        left = Gateway(await ben.gateway())
    else:
        left = Gateway(await owner.gateway())
        assert (await owner.request("DELETE", f"/v1/gateways/{home.id}")).http == 200
    if end.endswith("asleep"):
        with out_of_reach_at_the_commit(door):
            await settle(left, door, clock)
    await settle(left, door, clock)

    assert str(door.lock.show()["generation"]) == LAST
    assert list((await tickets(left, door)).data["k_adv"]) == [LAST]


async def test_once_is_enough(
    owner: Client, home: Gateway, door: Door, clock: MovableClock
) -> None:
    """A key exchange that begins after the wish does all that was wished for, if in one second."""
    clock.stop()
    for reason in ("compromise", "gateway_removed"):
        path = f"/v1/devices/{door.device_id}/rekey"
        assert (await owner.post(path, {"reason": reason})).http == 202
    clock.move(61)

    assert (await home.open(door, "deliver")).data["result"]["code"] == 0

    assert str(door.lock.show()["generation"]) == NEXT
    assert list((await tickets(home, door)).data["k_adv"]) == [NEXT]
