"""The description of the interface as one page: no script, nothing from elsewhere."""

from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from html import escape
from typing import Any, Final

type Json = dict[str, Any]

_STYLE: Final = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: auto; padding: 1rem; }
summary { cursor: pointer; padding: .3rem 0; }
code { font-family: ui-monospace, monospace; overflow-wrap: anywhere; }
.method { display: inline-block; min-width: 4.5rem; font-weight: bold; }
ul { padding-left: 1.2rem; }
"""
POLICY: Final = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
    f" style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'"
)
"""The page may show itself, and nothing else."""


def html(document: Json) -> str:
    """Return the page of an OpenAPI document."""
    info = document["info"]
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(info['title'])}</title><style>{_STYLE}</style></head><body><main>",
            f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>",
            f"<p>{escape(info['description'])} For programs: ",
            '<a href="openapi.json">openapi.json</a>.</p>',
            *_chapters(document["paths"]),
            "</main></body></html>",
        )
    )


def _chapters(paths: Json) -> Iterator[str]:
    chapter = None
    for path, methods in paths.items():
        for method, operation in methods.items():
            if operation["tags"] != chapter:
                chapter = operation["tags"]
                yield f"<h2>{escape(chapter[0])}</h2>"
            yield from _operation(f"{method.upper()}", path, operation)


def _operation(method: str, path: str, operation: Json) -> Iterator[str]:
    yield f'<details><summary><code><span class="method">{method}</span> {escape(path)}</code>'
    yield f" {escape(operation['summary'])}</summary><p>{escape(operation['description'])}</p>"
    yield f"<p>For: {escape(', '.join(operation['x-callers']))}.</p>"
    fields = {each["name"]: each["schema"] for each in operation["parameters"]}
    required = {each["name"] for each in operation["parameters"] if each.get("required")}
    if fields:
        yield f"<p>Parameters</p>{''.join(_list(fields, required))}"
    if body := operation.get("requestBody"):
        yield "<p>Body</p>"
        yield from _fields(body["content"]["application/json"]["schema"])
    yield "</details>"


def _fields(schema: Json) -> Iterator[str]:
    yield from _list(schema.get("properties", {}), set(schema.get("required", ())))


def _list(fields: Json, required: set[str]) -> Iterator[str]:
    yield "<ul>"
    for name, schema in fields.items():
        yield f"<li><code>{escape(name)}</code>{'' if name in required else ' (optional)'}: "
        yield escape(_kind(schema))
        for part in (schema, schema.get("items"), *schema.get("anyOf", ())):
            if part and part.get("properties"):
                yield from _fields(part)
        yield "</li>"
    yield "</ul>"


def _kind(schema: Json) -> str:
    """Return in words what a value may be."""
    if options := schema.get("anyOf"):
        return " or ".join(_kind(option) for option in options)
    if values := schema.get("enum"):
        return " or ".join(str(value) for value in values)
    kind = schema.get("type", "any value")
    kind = kind if isinstance(kind, str) else " or ".join(kind)
    if items := schema.get("items"):
        kind += f" of {_kind(items)}"
    limits = [
        f"{word} {schema[name]}"
        for name, word in (
            ("minimum", "from"),
            ("maximum", "to"),
            ("minLength", "at least"),
            ("maxLength", "at most"),
            ("maxItems", "at most"),
        )
        if name in schema
    ]
    return ", ".join((kind, *limits, *([schema["description"]] if "description" in schema else [])))
