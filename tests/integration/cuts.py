"""Where a link is cut: after which step of what crosses the air."""

from typing import Final

import pytest

type Case = tuple[int, bool]
"""The number of the step, and whether the packet that is written then is lost with the link."""

LINK: Final = ("connect", "services", "subscribe", "hear HELLO")


def cases(steps: tuple[str, ...]) -> list[object]:
    """Return where to cut: after each step, and with each write."""
    found: list[object] = []
    for number, step in enumerate(steps, 1):
        name = f"{number} {step}"
        found.append(pytest.param((number, False), id=name))
        if step.startswith("write"):
            found.append(pytest.param((number, True), id=f"{name} lost"))
    return found
