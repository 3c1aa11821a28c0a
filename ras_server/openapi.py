"""The interface in OpenAPI 3.1, made from the routes and the validators of the server.

Nothing in it is kept by hand: a route is in it because the server has it, with the body that its
handler validates, the callers it is open to and the first line of its docstring.

    script/openapi        writes docs/openapi.json anew
"""

from collections.abc import Iterator
from functools import cache
import re
from types import CodeType, FunctionType
from typing import Any, Final

from aiohttp import web
import orjson
import probatio
from probatio import UNSUPPORTED, to_openapi

from .errors import Code
from .fields import JSON_SCHEMAS, device_id
from .idempotency import ONCE
from .paging import MAXIMUM_LIMIT, page
from .principal import ACCESS, Kind, public
from .reference import POLICY, html
from .routes import ROUTES
from .version import VERSION
from .web import LARGE, LARGE_BODY_SIZE, MID_PATTERN

type Json = dict[str, Any]

_MID: Final = {
    "type": "string",
    "pattern": f"^{MID_PATTERN.pattern}$",
    "description": "Names this request: a ULID. A change is made once, however often it arrives.",
}
_PATH: Final = {"device_id": JSON_SCHEMAS[device_id], "uid": {"type": "integer", "minimum": 0}}
_IDENTIFIER: Final = {"type": "string", "pattern": "^[a-z0-9-]{1,64}$"}
_OTHER_ANSWERS: Final = {
    "/metrics": ("text/plain",),
    "/openapi.json": ("application/json",),
    "/reference": ("text/html",),
    "/v1/audit/export": ("application/jsonl", "text/csv"),
}
"""What is not answered with the body that everything else has."""
_ADMIN: Final = frozenset({Kind.ADMIN})


@cache
def document() -> Json:
    """Return the whole document."""
    paths: dict[str, Json] = {}
    for route in (*ROUTES, *OWN_ROUTES):
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Remote access server",
            "version": VERSION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": (
                "Contents of the interface are the project's own profile. Every answer has the"
                " same body; `code` says why a request failed."
            ),
        },
        "paths": paths,
        "components": {
            "schemas": {"Answer": _answer([Code.OK]), "Refusal": _answer(list(Code)[1:])},
            "responses": {
                "Answer": _response("Done, or begun.", "Answer"),
                "Refusal": _response("Refused; nothing was changed.", "Refusal"),
            },
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
            },
        },
    }


def _answer(codes: list[Code]) -> Json:
    return {
        "type": "object",
        "required": ["status", "code", "msg", "mid", "ts", "data"],
        "properties": {
            "status": {"const": 0 if codes == [Code.OK] else 1},
            "code": {"type": "integer", "enum": [int(code) for code in codes]},
            "msg": {"type": "string"},
            "mid": _MID,
            "ts": {"type": "integer"},
            "data": {"type": "object"},
        },
    }


def _response(text: str, schema: str) -> Json:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": text, "content": content}


def _operation(route: web.RouteDef) -> Json:
    access, handler = ACCESS[route.handler], _unwrapped(route.handler)
    callers = sorted(access.kinds)
    text = " ".join((handler.__doc__ or "").split())
    operation: Json = {
        "operationId": f"{handler.__module__.removeprefix('ras_server.')}.{handler.__name__}",
        "tags": [_tag(route)],
        "summary": re.split(r"[.:;](?: |$)", text, maxsplit=1)[0],
        "description": _notes(route, text, callers, fresh=access.fresh),
        "parameters": list(_parameters(route, handler)),
        "responses": {
            "2XX": _success(route.path),
            "4XX": {"$ref": "#/components/responses/Refusal"},
            "5XX": {"$ref": "#/components/responses/Refusal"},
        },
        "security": [{"token": []}] if callers and access.kinds != _ADMIN else [],
        "x-callers": callers or ["everybody"],
    }
    if route.method in {"POST", "PUT", "PATCH"}:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _body(handler)}},
        }
    return operation


def _success(path: str) -> Json:
    if (kinds := _OTHER_ANSWERS.get(path)) is None:
        return {"$ref": "#/components/responses/Answer"}
    return {"description": "What was asked for.", "content": {kind: {} for kind in kinds}}


def _tag(route: web.RouteDef) -> str:
    return next((part for part in route.path.split("/")[1:] if part != "v1"), "server")


def _notes(route: web.RouteDef, text: str, callers: list[Kind], *, fresh: bool) -> str:
    notes = [text]
    if callers == [Kind.ADMIN]:
        notes.append("Only over the administration socket of the server.")
    if fresh:
        notes.append("Asks a person for a login of at most 5 minutes.")
    if route.handler in ONCE:
        notes.append("The first answer to a mid is kept; a repeated request gets it again.")
    if route.handler in LARGE:
        notes.append(f"The body may have {LARGE_BODY_SIZE // 1024} KiB.")
    return " ".join(notes)


def _parameters(route: web.RouteDef, handler: FunctionType) -> Iterator[Json]:
    for name in re.findall(r"\{(\w+)", route.path):
        schema = _PATH.get(name, _IDENTIFIER)
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    if route.method == "DELETE":
        yield {"name": "Mid", "in": "header", "required": True, "schema": _MID}
    if any(value is page for value in _named(handler)):
        limit = {"type": "integer", "minimum": 1, "maximum": MAXIMUM_LIMIT}
        yield {"name": "limit", "in": "query", "schema": limit}
        yield {"name": "cursor", "in": "query", "schema": {"type": "string"}}


def _body(handler: FunctionType) -> Json:
    """Return the schema of the body: of the validator that the handler names."""
    validators = [value for value in _named(handler) if isinstance(value, probatio.Schema)]
    schema: Json = {"type": "object"}
    if validators:
        schema = to_openapi(validators[0], custom_serializer=_serialized, openapi_version="3.1.0")
    schema.pop("additionalProperties", None)  # what is not known is ignored
    schema["properties"] = {
        "mid": _MID,
        "ts": {"type": ["integer", "null"], "description": "Unix seconds; at most 60 s off."},
        **schema.get("properties", {}),
    }
    schema["required"] = ["mid", *schema.get("required", [])]
    return schema


def _serialized(node: Any) -> Any:
    try:
        return JSON_SCHEMAS.get(node, UNSUPPORTED)
    except TypeError:  # not hashable: a list or an object
        return UNSUPPORTED


def _unwrapped(handler: Any) -> FunctionType:
    while isinstance(inner := getattr(handler, "__wrapped__", None), FunctionType):
        handler = inner
    if not isinstance(handler, FunctionType):
        raise TypeError(f"{handler!r} is no function")
    return handler


def _named(handler: FunctionType) -> Iterator[object]:
    """Return what the code of a handler names in its module."""
    for name in dict.fromkeys(_names(handler.__code__)):
        if name in handler.__globals__:
            yield handler.__globals__[name]


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def text() -> bytes:
    """Return the document as it is served, and as it stands in docs/openapi.json."""
    option = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_SORT_KEYS
    return orjson.dumps(document(), option=option)


@public
async def show(_: web.Request) -> web.Response:
    """Describe this interface in OpenAPI 3.1."""
    return web.Response(body=text(), content_type="application/json")


@public
async def read(_: web.Request) -> web.Response:
    """Describe this interface on a page for people."""
    return web.Response(
        text=html(document()), content_type="text/html", headers={"Content-Security-Policy": POLICY}
    )


OWN_ROUTES: Final = (web.get("/openapi.json", show), web.get("/reference", read))
