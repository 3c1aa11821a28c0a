"""The description of the interface: made from the server, current, and true."""

import asyncio
from base64 import b64encode
from collections.abc import Callable
import json
import os
from pathlib import Path
import re
import sys
import time
from typing import Any

from aiohttp.test_utils import TestServer
import pytest

from ras_server.fields import JSON_SCHEMAS, base64
from ras_server.openapi import document, text
from ras_server.routes import ROUTES
from ras_server.settings import Settings
from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.client import Client

ROOT = Path(__file__).parents[2]
CONFIG = ("--config-file", str(Path(__file__).with_name("schemathesis.toml")))
CASES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "2"))
"""Random cases for each operation, beyond those that cover its schema."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return the settings of a server that takes requests as fast as they come."""
    return Settings(folder=tmp_path, limits=False)


def test_committed_document_is_current() -> None:
    """docs/openapi.json is what the server tells: `script/openapi` makes it."""
    assert (ROOT / "docs/openapi.json").read_bytes() == text()


def test_every_route_is_described() -> None:
    """Each route of the server is there, with a summary and its callers."""
    paths: dict[str, Any] = document()["paths"]

    for route in ROUTES:
        operation = paths[route.path][route.method.lower()]
        assert operation["summary"], route.path
        assert operation["x-callers"], route.path


def test_body_is_that_of_the_validator() -> None:
    """A body tells what the validator of the handler accepts."""
    operation = document()["paths"]["/v1/devices/{device_id}/tickets"]["post"]
    body = operation["requestBody"]["content"]["application/json"]["schema"]

    assert {"mid", "gateway_id"} == set(body["required"])
    assert body["properties"]["ttl"] == {
        "type": "integer",
        "minimum": 60,
        "maximum": 64 * 86400,
        "default": 86400,
    }


@pytest.mark.parametrize(("minimum", "maximum"), [(32, 32), (16, 64), (1, 50), (3, 3), (4, 4)])
def test_pattern_of_base64(minimum: int, maximum: int) -> None:
    """What a description says of base64 holds for those sizes that are taken, and no others."""
    pattern = JSON_SCHEMAS[base64(minimum, maximum)]["pattern"]

    sizes = [size for size in range(80) if re.search(pattern, b64encode(os.urandom(size)).decode())]

    assert sizes == list(range(minimum, maximum + 1))


async def test_served(client: Client, server: TestServer) -> None:
    """The document is served as it is committed; the page loads nothing and runs nothing."""
    async with client.session.get(server.make_url("/openapi.json")) as answer:
        assert await answer.read() == text()
    async with client.session.get(server.make_url("/reference")) as answer:
        page = await answer.text()
        policy = answer.headers["Content-Security-Policy"]

    assert "/v1/devices/{device_id}/tickets" in page
    assert not re.search(r"<script|<link|<img|https?://", page)
    assert "default-src 'none'" in policy


@pytest.mark.timeout(600)
@pytest.mark.parametrize("caller", ["person", "gateway"])
async def test_generated_requests(
    client: Client,
    server: TestServer,
    caller: str,
    tmp_path: Path,
    record_testsuite_property: Callable[[str, int], None],
) -> None:
    """Whatever is sent: no 5xx, no answer that is not described, no access without a token."""
    pytest.importorskip("schemathesis")
    await client.enter("a@example.org")
    gateway = Gateway(await client.gateway())
    door = Door(time.time)
    door.lock.press_button(1)
    await gateway.register(door)
    token = client.token if caller == "person" else gateway.client.token
    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "schemathesis.cli",
            *CONFIG,
            "run",
            str(server.make_url("/openapi.json")),
        ),
        *("--checks", "all", "--phases", "coverage,fuzzing", "--max-examples", str(CASES)),
        *("--header", f"Authorization: Bearer {token}", "--seed", "1", "--continue-on-failure"),
        *("--exclude-path-regex", r"^/v1/(admin|push$|auth/logout|users/me$)"),
        *("--suppress-health-check", "all", "--generation-database", "none", "--no-color"),
        cwd=tmp_path,
        env=os.environ
        | {
            "SCHEMATHESIS_HOOKS": "tests.ras_server.generated",
            "PYTHONPATH": str(ROOT),
            "REAL_DEVICE": door.device_id,
            "REAL_GATEWAY": gateway.id,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output = (await process.communicate())[0].decode()
    cases = re.search(r"(\d+) generated", output)

    assert process.returncode == 0, output[-20_000:]
    assert cases is not None
    record_testsuite_property(f"requests generated for a {caller}", int(cases[1]))
    assert int(cases[1]) > 1000


def test_document_is_json() -> None:
    """The document has no key twice and nothing that JSON does not know."""
    assert json.loads(text()) == json.loads(json.dumps(document()))
