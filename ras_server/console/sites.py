"""Households: the people of a home, its locks, its place."""

from typing import Any, Final

from aiohttp import web
from yarl import URL

from .action import Action, form
from .grants import subject
from .page import Visitor, page

_ALL: Final = "/console/people"
_SITE: Final = "/console/people/{site_id}"
_API: Final = "/v1/sites/{site_id}"


async def show_all(visitor: Visitor) -> web.Response:
    """List the households of the visitor."""
    data = await visitor.ask("GET", URL("/v1/sites").with_query(visitor.request.query))
    return visitor.render("sites.html", sites=data["items"], more=data["next"])


async def show(visitor: Visitor) -> web.Response:
    """Show one household, and which locks could belong to it."""
    site = await visitor.ask("GET", _API.format_map(visitor.path))
    locks = await visitor.ask("GET", "/v1/devices?limit=200")
    own = {
        lock["device_id"]: lock["name"]
        for lock in locks["items"]
        if lock["owner"] == visitor.user_id
    }
    return visitor.render("site.html", site=site, own=own)


def _name(visitor: Visitor) -> dict[str, Any]:
    return {"name": visitor.field("name")}


def _rename(visitor: Visitor) -> dict[str, Any]:
    return _name(visitor) | {"rev": visitor.number("rev")}


def _lockdown(visitor: Visitor) -> dict[str, Any]:
    return {"lockdown": visitor.field("lockdown") == "on", "rev": visitor.number("rev")}


def _invite(visitor: Visitor) -> dict[str, Any]:
    return {"subject": subject(visitor), "role": visitor.field("role")}


def _place(visitor: Visitor) -> dict[str, Any]:
    return {
        "lat": _degrees(visitor, "lat"),
        "lon": _degrees(visitor, "lon"),
        "radius_m": visitor.number("radius_m"),
        "policy": visitor.field("policy"),
    }


def _degrees(visitor: Visitor, name: str) -> float | None:
    try:
        return float(visitor.field(name).replace(",", "."))
    except ValueError:
        return None  # the API says that it is no number


ROUTES: Final = (
    web.get(_ALL, page(show_all)),
    web.get(_SITE, page(show)),
    form(
        _ALL,
        Action(
            method="POST", api="/v1/sites", fields=_name, back=_ALL, done="saved", shown=show_all
        ),
    ),
    form(
        f"{_SITE}/name",
        Action(method="PATCH", api=_API, fields=_rename, back=_SITE, done="renamed", shown=show),
    ),
    form(
        f"{_SITE}/lockdown",
        Action(method="PATCH", api=_API, fields=_lockdown, back=_SITE, done="saved", shown=show),
    ),
    form(
        f"{_SITE}/place",
        Action(
            method="PUT",
            api=f"{_API}/geofence",
            fields=_place,
            back=_SITE,
            done="saved",
            shown=show,
        ),
    ),
    form(
        f"{_SITE}/people",
        Action(
            method="POST",
            api=f"{_API}/people",
            fields=_invite,
            back=_SITE,
            done="invited",
            shown=show,
        ),
    ),
    form(
        f"{_SITE}/people/{{person_id}}/dismiss",
        Action(
            method="DELETE",
            api=f"{_API}/people/{{person_id}}",
            back=_SITE,
            done="revoked",
            shown=show,
        ),
    ),
    form(
        f"{_SITE}/locks/{{device_id}}/put",
        Action(
            method="PUT",
            api=f"{_API}/devices/{{device_id}}",
            back=_SITE,
            done="granted",
            shown=show,
        ),
    ),
    form(
        f"{_SITE}/locks/{{device_id}}/take",
        Action(
            method="DELETE",
            api=f"{_API}/devices/{{device_id}}",
            back=_SITE,
            done="revoked",
            shown=show,
        ),
    ),
    form(
        f"{_SITE}/remove",
        Action(method="DELETE", api=_API, back=_ALL, done="dissolved", shown=show),
    ),
)
