"""Exchanges: packets that the RAS makes and this gateway carries (project profile, ras_api 5.1).

The gateway understands none of them; it writes, waits for the stated number of notifications,
and reports these, until the RAS says that it is done.
"""

import asyncio
from typing import Final, NamedTuple

from .answers import Exchange, Json
from .igrs_codec.bsld.packet import Kind, parse_header
from .igrs_codec.errors import PacketError
from .link import Link
from .ras import GatewayClient

HELLO_TIMEOUT: Final = 1  # seconds after subscribing, then INFO is read (protocol 12)


class Outcome(NamedTuple):
    """What an exchange came to, and the HELLO (20 bytes) that the link ended with."""

    result: Json
    hello: bytes


async def async_hello(link: Link) -> bytes:
    """Return the HELLO packet that follows subscribing; a lost one is read from INFO."""
    try:
        return await link.receive(HELLO_TIMEOUT)
    except TimeoutError:
        return await link.info()


async def async_run(link: Link, ras: GatewayClient, exchange: Exchange, hello: bytes) -> Outcome:
    """Carry an exchange to its end, or raise LinkLostError or RasError."""
    while not exchange.done:
        await link.write(*exchange.packets)
        notifications = await _async_collect(link, exchange.expect, exchange.timeout_s)
        hellos = [packet for packet in notifications if kind_of(packet) is Kind.HELLO]
        if not hellos and any(kind_of(packet) is Kind.ADMIN for packet in exchange.packets):
            # A new HELLO may follow an answer uncounted; INFO is read after it.
            hellos = [packet for packet in [await link.info()] if packet not in {b"", hello}]
        new_hello = hellos[-1] if hellos else None
        exchange = await ras.exchange_step(
            exchange.exchange_id,
            [packet for packet in notifications if kind_of(packet) is not Kind.HELLO],
            hello=new_hello,
        )
        hello = new_hello or hello
    return Outcome(exchange.result or {}, hello)


async def _async_collect(link: Link, expect: int, timeout_s: float) -> list[bytes]:
    """Return the next notifications: as many as expected, or what came in time."""
    notifications: list[bytes] = []
    deadline = asyncio.get_running_loop().time() + timeout_s
    while len(notifications) < expect:
        try:
            remaining = deadline - asyncio.get_running_loop().time()
            notifications.append(await link.receive(remaining))
        except TimeoutError:
            break
    return notifications


def kind_of(packet: bytes) -> Kind | None:
    """Return the kind of a packet, None if it is none."""
    try:
        return parse_header(packet).kind
    except PacketError:
        return None
