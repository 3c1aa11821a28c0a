"""The HTTP client of the RAS, against a real server and against broken ones."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
import pytest

from custom_components.igrs.answers import AccessToken, GatewayCredentials
from custom_components.igrs.login import (
    async_log_in,
    async_log_out,
    async_register_gateway,
    async_renew_gateway,
    async_second_factor,
    canonical_account,
)
from custom_components.igrs.ras import (
    GatewayClient,
    RasClient,
    async_shown_fingerprint,
    is_acceptable_url,
)
from custom_components.igrs.ras_errors import (
    Code,
    RasAuthError,
    RasRefusedError,
    RasSchemaError,
    RasUnreachableError,
)
from custom_components.igrs.scram import ScramError
from tests.integration.server import Ras

pytestmark = pytest.mark.usefixtures("socket_enabled")

LOCK = "A1B2C3D4E5F6"


@pytest.fixture
async def credentials(ras: Ras) -> GatewayCredentials:
    """Return the credentials of a gateway of Anna's."""
    body = {"name": "Home", "kind": "home_assistant", "version": "1"}
    return GatewayCredentials.from_json((await ras.person.post("/v1/gateways", body)).data)


@pytest.fixture
def gateway(
    session: aiohttp.ClientSession, ras: Ras, credentials: GatewayCredentials
) -> GatewayClient:
    """Return the client of that gateway."""
    return GatewayClient(session, ras.url, credentials)


@asynccontextmanager
async def answering(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> AsyncGenerator[str]:
    """Run a server that answers everything with the handler, and return its address."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with TestServer(app) as server:
        yield str(server.make_url("/"))


def answer(code: int = 0, **data: Any) -> web.Response:
    """Return an answer in the form of the RAS."""
    return web.json_response({"status": int(code != 0), "code": code, "msg": "", "data": data})


async def test_info(session: aiohttp.ClientSession, ras: Ras) -> None:
    """The server says who it is before anybody logs in."""
    info = await RasClient(session, ras.url).info()

    assert info.server_id


@pytest.mark.parametrize(
    ("schema", "too_old"),
    [
        pytest.param({"min": 0, "max": 0}, True, id="server too old"),
        pytest.param({"min": 2, "max": 3}, False, id="server too new"),
    ],
)
async def test_no_schema_in_common(
    session: aiohttp.ClientSession, schema: dict[str, int], *, too_old: bool
) -> None:
    """A server with other message schemas is refused, and it is said which side is older."""

    async def info(_: web.Request) -> web.Response:
        return answer(name="RAS", server_id="s", version="9", schema=schema)

    async with answering(info) as url:
        with pytest.raises(RasSchemaError) as err:
            await RasClient(session, url).info()

    assert err.value.too_old is too_old


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(web.Response(text="<html>"), id="a page"),
        pytest.param(web.json_response([]), id="a list"),
        pytest.param(web.json_response({"code": "x"}), id="no number"),
        pytest.param(web.json_response({"code": 0, "data": {}}), id="members missing"),
        pytest.param(web.json_response({"code": 0, "data": {"schema": 1}}), id="wrong type"),
        pytest.param(web.Response(status=302, headers={"Location": "/else"}), id="redirect"),
        pytest.param(web.Response(status=502), id="proxy without server"),
    ],
)
async def test_not_a_ras(session: aiohttp.ClientSession, response: web.Response) -> None:
    """What does not answer like a RAS counts as unreachable, and is not followed elsewhere."""
    asked = []

    async def reply(request: web.Request) -> web.Response:
        asked.append(request.path)
        return response

    async with answering(reply) as url:
        with pytest.raises(RasUnreachableError):
            await RasClient(session, url).info()

    assert asked == ["/v1/info"]


async def test_nobody_there(session: aiohttp.ClientSession) -> None:
    """A closed port is an unreachable server."""
    with pytest.raises(RasUnreachableError):
        await RasClient(session, f"http://127.0.0.1:{unused_port()}").info()


@pytest.mark.parametrize("code", [Code.FAILED, Code.INTERNAL, Code.NOT_READY])
async def test_server_in_trouble(session: aiohttp.ClientSession, code: Code) -> None:
    """A server that cannot work now is as good as unreachable: tickets go on."""

    async def fail(_: web.Request) -> web.Response:
        return answer(code)

    async with answering(fail) as url:
        with pytest.raises(RasUnreachableError) as err:
            await RasClient(session, url).call("POST", "x")

    assert err.value.code == code


async def test_repeated_request_keeps_its_mid(session: aiohttp.ClientSession) -> None:
    """A request whose connection broke is sent once more, with the same identifier."""
    bodies = []

    async def break_first(request: web.Request) -> web.Response:
        bodies.append(await request.json())
        if len(bodies) == 1:
            assert request.transport is not None
            request.transport.close()
        return answer(done=True)

    async with answering(break_first) as url:
        data = await RasClient(session, url).call("POST", "x", {"a": 1})

    assert data == {"done": True}
    assert bodies[0] == bodies[1]
    assert len(bodies[0]["mid"]) == 26


async def test_request_still_running(
    session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the first try is still running, its answer is asked for again."""
    monkeypatch.setattr("custom_components.igrs.ras.STILL_RUNNING_PAUSE", 0)
    codes = [Code.STILL_RUNNING, Code.OK]

    async def run(_: web.Request) -> web.Response:
        return answer(codes.pop(0))

    async with answering(run) as url:
        await RasClient(session, url).call("POST", "x")

    assert not codes


async def test_broken_twice(session: aiohttp.ClientSession) -> None:
    """A connection that breaks again is given up."""

    async def hang_up(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.close()
        return answer()

    async with answering(hang_up) as url:
        with pytest.raises(RasUnreachableError):
            await RasClient(session, url).call("POST", "x")


async def test_login(session: aiohttp.ClientSession, ras: Ras) -> None:
    """Password and code make a gateway; then the person is logged out."""
    client = RasClient(session, ras.url)

    login = await async_log_in(
        client, f" {ras.account.upper()} ".replace("ANNA", "anna"), ras.password
    )
    token = await async_second_factor(client, login, login.methods[0], ras.code)
    credentials = await async_register_gateway(client, token, "Home")
    await async_log_out(client, token)

    assert token.user_id == ras.person.user_id
    assert await GatewayClient(session, ras.url, credentials).access_token()
    with pytest.raises(RasAuthError):
        await async_register_gateway(client, token, "Home")


@pytest.mark.parametrize(
    ("account", "password"),
    [
        pytest.param("anna@example.org", "wrong", id="password"),
        pytest.param("nobody@example.org", "wrong", id="account"),
    ],
)
async def test_wrong_login(
    session: aiohttp.ClientSession, ras: Ras, account: str, password: str
) -> None:
    """A wrong password and an unknown account look the same."""
    with pytest.raises(RasAuthError) as err:
        await async_log_in(RasClient(session, ras.url), account, password)

    assert err.value.code == Code.CREDENTIALS_WRONG


async def test_impostor(session: aiohttp.ClientSession, ras: Ras) -> None:
    """A server that says yes without knowing the account is found out."""
    real = RasClient(session, ras.url)

    async def pretend(request: web.Request) -> web.Response:
        if request.path.endswith("start"):
            body = await request.json()
            return answer(**await real.call("POST", "auth/sasl/start", body))
        return answer(data="dj1BQUFB", next="second_factor", methods=["email"])

    async with answering(pretend) as url:
        with pytest.raises(ScramError):
            await async_log_in(RasClient(session, url), ras.account, ras.password)


async def test_renewed_gateway(
    session: aiohttp.ClientSession, ras: Ras, credentials: GatewayCredentials
) -> None:
    """A new login gives the same gateway a new secret, or a new gateway if it was removed."""
    client = RasClient(session, ras.url)

    async def renew(gateway_id: str) -> GatewayCredentials:
        login = await async_log_in(client, ras.account, ras.password)
        token = await async_second_factor(client, login, "email", ras.code)
        return await async_renew_gateway(client, token, gateway_id, "Home")

    renewed = await renew(credentials.gateway_id)
    removed = await renew("g-0")

    assert renewed.gateway_id == credentials.gateway_id
    assert renewed.gateway_secret != credentials.gateway_secret
    assert removed.gateway_id not in {credentials.gateway_id, "g-0"}


async def test_gateway_that_cannot_be_renewed(session: aiohttp.ClientSession) -> None:
    """A refusal for another reason than a removed gateway makes no second gateway."""
    asked = []

    async def refuse(request: web.Request) -> web.Response:
        asked.append(request.path)
        return answer(Code.RATE_LIMITED, retry_after=7)

    async with answering(refuse) as url:
        with pytest.raises(RasRefusedError) as err:
            await async_renew_gateway(
                RasClient(session, url), AccessToken(token="t", expires_in=900), "g-1", "Home"
            )

    assert (err.value.code, err.value.retry_after) == (Code.RATE_LIMITED, 7)
    assert asked == ["/v1/gateways/g-1/rotate"]


async def test_no_certificate_to_show(session: aiohttp.ClientSession, ras: Ras) -> None:
    """Where no certificate is shown there is no fingerprint to ask about."""
    with pytest.raises(RasUnreachableError):
        await async_shown_fingerprint(RasClient(session, ras.url))


async def test_token_is_renewed(gateway: GatewayClient, ras: Ras) -> None:
    """A token that the server no longer takes is replaced without a word."""
    token = await gateway.access_token()
    ras.clock.ahead = 1000

    assert await gateway.sightings([]) == []
    assert await gateway.access_token() != token


async def test_token_is_renewed_in_time(gateway: GatewayClient) -> None:
    """One token serves many requests, until shortly before its end."""
    first = await gateway.access_token()
    second = await gateway.access_token()
    gateway._token_until = 0

    assert first == second
    assert await gateway.access_token() != first


async def test_secret_ended(
    session: aiohttp.ClientSession, ras: Ras, credentials: GatewayCredentials
) -> None:
    """A secret that the server no longer takes asks for a new login, and stays unsaid."""
    secret = "s" * 43
    gateway = GatewayClient(
        session,
        ras.url,
        GatewayCredentials(gateway_id=credentials.gateway_id, gateway_secret=secret),
    )

    with pytest.raises(RasAuthError) as err:
        await gateway.sightings([])

    assert secret not in f"{err.value!r} {err.value} {gateway._credentials!r}"


async def test_unknown_device(gateway: GatewayClient) -> None:
    """A refusal carries the code."""
    with pytest.raises(RasRefusedError) as err:
        await gateway.device(LOCK)

    assert err.value.code == Code.DEVICE_UNKNOWN
    assert str(err.value) == "RasRefusedError 2001"


async def test_sightings_of_a_stranger(gateway: GatewayClient) -> None:
    """A lock that is neither ours nor to be had is none of our business."""
    seen = await gateway.sightings(
        [{"device_id": LOCK, "rssi": -60, "service_data": "11" + "00" * 9, "at": 1795000000}]
    )

    assert seen == []


@pytest.mark.parametrize(
    ("url", "acceptable"),
    [
        ("https://ras.example.org", True),
        ("https://192.0.2.1:8470/ras", True),
        ("http://127.0.0.1:8470", True),
        ("http://[::1]:8470", True),
        ("http://localhost:8470", True),
        ("http://ras.example.org", False),
        ("http://192.0.2.1", False),
        ("http://127.0.0.1.example.org", False),
        ("https://anna:secret@ras.example.org", False),
        ("https://ras.example.org/?a=b", False),
        ("https://ras.example.org/#a", False),
        ("ras.example.org", False),
        ("https://", False),
        ("https://[", False),
        ("ftp://ras.example.org", False),
    ],
)
def test_acceptable_url(url: str, *, acceptable: bool) -> None:
    """Secrets travel by HTTPS, or do not leave the machine."""
    assert is_acceptable_url(url) is acceptable


@pytest.mark.parametrize(
    ("typed", "canonical"),
    [
        (" Anna@Example.ORG ", "Anna@example.org"),
        ("+49 171 / 123-45 67", "+491711234567"),
    ],
)
def test_canonical_account(typed: str, canonical: str) -> None:
    """An account is found however it is typed."""
    assert canonical_account(typed) == canonical
