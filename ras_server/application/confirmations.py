"""Who is asked for his yes sees what is wanted, and answers (project profile, section 6, check 7).

A person answers with his own login: no gateway does it for him, so that one machine never both
asks and agrees.
"""

from collections.abc import Iterator
from typing import Any, Final

from aiohttp import web
import probatio

from ..errors import Code, RasError
from ..idempotency import once
from ..keys import DATABASE, PRINCIPAL
from ..principal import Kind, allow
from ..store import grants
from ..web import answer, body, schema
from .approvals import ASKS, Ask, asked_json, is_of_use, may_answer, tell_answer
from .audit import AUDIT
from .decision import Consent, House
from .grants import subject_json
from .locks import LOCKS, Lock
from .permits import house_of

_ANSWER: Final = schema(
    {probatio.Required("answer"): probatio.In([each.value for each in Consent])}
)
_ACTIONS: Final = {Consent.YES: "access.approve", Consent.NO: "access.refuse"}


@allow(Kind.USER)
async def show_all(request: web.Request) -> web.Response:
    """List what waits for a yes or a no of the caller."""
    found = [each for each in _asked(request) if each[0].consent is None]
    items = [
        asked_json(request.app, ask)
        | {"device_id": lock.id, "name": lock.device.name, "ends": ask.ends}
        | {"subject": _subject(request, ask, lock)}
        for ask, lock, _ in found
    ]
    return answer(request, {"items": items, "next": None})


def _subject(request: web.Request, ask: Ask, lock: Lock) -> dict[str, Any] | None:
    """Return whom the grant of a question names: everybody chooses his own display name.

    Only the owner gave it and knows whose account it is.
    """
    if lock.device.owner != request[PRINCIPAL].user_id:
        return None
    grant = grants.get(request.app[DATABASE], ask.grant_id)
    return None if grant is None else subject_json(grant)


def _asked(request: web.Request) -> Iterator[tuple[Ask, Lock, House]]:
    """Yield what the caller may answer, or could before somebody did."""
    app, user_id = request.app, request[PRINCIPAL].user_id
    for ask in app[ASKS].standing(app[LOCKS].now):
        if (lock := app[LOCKS].get(ask.question.device_id)) is None:
            continue
        house, _ = house_of(app, lock)
        if may_answer(app, lock, ask, user_id, house) and is_of_use(app, ask, house):
            yield ask, lock, house


@allow(Kind.USER)
@once()
async def reply(request: web.Request) -> web.Response:
    """Say yes or no to what somebody else wants; the first answer counts."""
    app, asked, principal = request.app, body(request, _ANSWER), request[PRINCIPAL]
    confirmation, consent = request.match_info["confirmation_id"], Consent(asked["answer"])
    found = (each for each in _asked(request) if each[0].confirmation == confirmation)
    ask, lock, house = next(found, (None, None, None))
    if ask is None or lock is None or house is None:
        raise RasError(Code.UNKNOWN, "Nothing of this name waits for an answer")
    ask = ask.answered(consent, principal.user_id, app[LOCKS].now)
    with app[DATABASE].write():
        app[AUDIT].append(
            _ACTIONS[consent],
            principal.address,
            lock.address,
            detail={
                "asked_by": ask.question.address,
                "cmd": ask.question.command,
                "confirmation": ask.confirmation,
                "grant": ask.grant_id,
            },
        )
        tell_answer(app, lock, ask, house)
    app[ASKS].keep(ask)
    return answer(
        request,
        {"confirmation": ask.confirmation, "answer": ask.consent, "ends": ask.ends},
    )


ROUTES: Final = (
    web.get("/v1/confirmations", show_all),
    web.post("/v1/confirmations/{confirmation_id}", reply),
)
