"""The people of an owner's locks, and where they are (project profile, sections 4 and 7.4).

A gateway maps the users of its home to these persons, and names one with each request it makes for
him: the RAS decides for the person, not for the home.
"""

from typing import Any, Final

from aiohttp import web
import probatio

from ..errors import Code, RasError
from ..keys import DATABASE, PRINCIPAL
from ..principal import Kind, allow
from ..store import accounts, grants
from ..web import answer, body, schema
from .evidence import PERSON, POSITION, POSITIONS
from .locks import LOCKS

_POSITION: Final = schema({probatio.Required("position"): POSITION, **PERSON})


@allow(Kind.USER, Kind.GATEWAY)
async def show_all(request: web.Request) -> web.Response:
    """List who may use locks of the caller, himself first; a person who never came is not told."""
    app, user_id = request.app, request[PRINCIPAL].user_id
    people: dict[str, dict[str, Any]] = {}
    owner = accounts.user(app[DATABASE], user_id)
    if owner is not None:
        people[user_id] = _json(user_id, owner.display_name, "owner")
    found = grants.people(app[DATABASE], user_id, app[LOCKS].now)
    for each, name, member, device_id in found:
        person = people.setdefault(each, _json(each, name, "guest"))
        if member and person["role"] == "guest":
            person["role"] = "member"
        person["devices"].append(device_id)
    return answer(request, {"items": list(people.values()), "next": None})


def _json(user_id: str, name: str, role: str) -> dict[str, Any]:
    return {"user_id": user_id, "display_name": name, "role": role, "devices": []}


@allow(Kind.USER, Kind.GATEWAY)
async def put_position(request: web.Request) -> web.Response:
    """Take the position of the caller, or of a person of the gateway's home; kept for 24 h."""
    app, asked, principal = request.app, body(request, _POSITION), request[PRINCIPAL]
    person = asked.get("person", principal.user_id)
    if person != principal.user_id and not (
        principal.kind is Kind.GATEWAY
        and any(
            each == person
            for each, *_ in grants.people(app[DATABASE], principal.user_id, app[LOCKS].now)
        )
    ):
        raise RasError(Code.NOT_PERMITTED, "Only a gateway of his home speaks for a person")
    teller = "" if person == principal.user_id else principal.address
    app[POSITIONS].note(person, asked["position"], app[LOCKS].now, teller=teller)
    return answer(request)


ROUTES: Final = (
    web.get("/v1/people", show_all),
    web.put("/v1/users/me/position", put_position),
)
