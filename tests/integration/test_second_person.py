"""Who may not open alone is told what to wait for, or that it was in vain."""

import pytest

from custom_components.igrs.errors import Reason, refusal
from custom_components.igrs.ras_errors import Code, RasRefusedError


@pytest.mark.parametrize(
    ("code", "needs", "reason"),
    [
        (Code.CONFIRMATION_NEEDED, "second_person", Reason.NEEDS_SECOND_PERSON),
        (Code.NO_PERMISSION, "second_person", Reason.SECOND_PERSON_REFUSED),
        (Code.CONFIRMATION_NEEDED, "pin", Reason.NEEDS_PIN),
        (Code.CONFIRMATION_NEEDED, "confirm", Reason.NEEDS_CONFIRMATION),
        (Code.NO_PERMISSION, None, Reason.NO_PERMISSION),
    ],
)
def test_reasons(code: Code, needs: str | None, reason: Reason) -> None:
    """What the server says besides its code makes another sentence of it."""
    assert refusal(RasRefusedError(code, needs=needs)).reason is reason
