"""How many requests of one caller are answered at the same time."""

import pytest

from ras_server.concurrency import Concurrency
from ras_server.errors import Code, RasError


def test_so_many_and_no_more() -> None:
    """A caller who has so many requests under way is refused until one of them ends."""
    concurrency = Concurrency()
    for _ in range(3):
        concurrency.begin("user:u-1", 3)

    with pytest.raises(RasError) as refused:
        concurrency.begin("user:u-1", 3)
    concurrency.end("user:u-1")
    concurrency.begin("user:u-1", 3)

    assert refused.value.code is Code.RATE_LIMITED
    assert (refused.value.http, refused.value.retry_after) == (429, 1)


def test_each_for_himself() -> None:
    """What one caller has under way is nothing to another."""
    concurrency = Concurrency()
    concurrency.begin("user:u-1", 1)

    concurrency.begin("user:u-2", 1)

    assert len(concurrency) == 2


def test_nothing_is_kept() -> None:
    """Of a caller whose requests are all answered nothing is left."""
    concurrency = Concurrency()
    for _ in range(2):
        concurrency.begin("user:u-1", 2)
    for _ in range(2):
        concurrency.end("user:u-1")

    assert len(concurrency) == 0
