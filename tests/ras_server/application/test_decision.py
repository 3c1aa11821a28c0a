"""The one decision: who may do what, in the order of the checks."""

from dataclasses import replace

import pytest

from igrs_codec.bsld.frame import ALL_RIGHTS, Right
from ras_server.application.decision import Standing, Wish, decide
from ras_server.errors import Code

NOW = 1795000000
OWNER = Standing(uid=1, rights=ALL_RIGHTS)
GUEST = Standing(uid=2, rights=Right.UNLOCK | Right.LOCK, grant_id="gr-1")
UNLOCK = Wish(command="unlock", expires=NOW + 10)


@pytest.mark.parametrize(
    ("standings", "wish", "code"),
    [
        pytest.param((), UNLOCK, Code.DEVICE_UNKNOWN, id="stranger"),
        pytest.param((OWNER,), UNLOCK, Code.OK, id="owner"),
        pytest.param((GUEST,), UNLOCK, Code.OK, id="guest"),
        pytest.param((replace(GUEST, revoked=True),), UNLOCK, Code.EXPIRED, id="revoked"),
        pytest.param((replace(GUEST, start=NOW + 1),), UNLOCK, Code.EXPIRED, id="too early"),
        pytest.param((replace(GUEST, start=NOW),), UNLOCK, Code.OK, id="from is inclusive"),
        pytest.param((replace(GUEST, end=NOW),), UNLOCK, Code.EXPIRED, id="until is exclusive"),
        pytest.param((replace(GUEST, end=NOW + 1),), UNLOCK, Code.OK, id="last second"),
        pytest.param(
            (GUEST,),
            Wish(command="open", expires=NOW + 10),
            Code.NOT_PERMITTED,
            id="right missing",
        ),
        pytest.param(
            (GUEST,),
            Wish(command="unlock", expires=NOW + 10, relock=True),
            Code.NOT_PERMITTED,
            id="hold missing",
        ),
        pytest.param((OWNER,), Wish(command="unlock"), Code.EXPIRED, id="no end"),
        pytest.param((OWNER,), Wish(command="unlock", expires=NOW), Code.EXPIRED, id="ended"),
        pytest.param((OWNER,), Wish(command="open", expires=NOW + 60), Code.OK, id="a minute"),
        pytest.param((OWNER,), Wish(command="open", expires=NOW + 61), Code.EXPIRED, id="too far"),
        pytest.param((OWNER,), Wish(command="lock"), Code.OK, id="lock needs no end"),
        pytest.param(
            (replace(GUEST, end=NOW),),
            Wish(command="open", expires=NOW),
            Code.EXPIRED,
            id="the grant is looked at before the right",
        ),
        pytest.param((replace(GUEST, revoked=True), GUEST), UNLOCK, Code.OK, id="second grant"),
        pytest.param((GUEST, replace(GUEST, revoked=True)), UNLOCK, Code.OK, id="first grant"),
    ],
)
def test_decide(standings: tuple[Standing, ...], wish: Wish, code: Code) -> None:
    """The first refusal counts; one standing that allows the wish is enough."""
    decision = decide(standings, wish, NOW)

    assert decision.code is code
    assert (decision.standing is None) is (not standings)
