"""The second factor: codes of an app (RFC 6238), recovery codes, trusted clients."""

from base64 import b32decode
from pathlib import Path
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import web
import pytest

from ras_server.account import otp
from ras_server.application.audit import AUDIT
from ras_server.keys import DATABASE
from tests.ras_server.client import ANNA, BORIS, Answer, Client, verifier
from tests.ras_server.conftest import MovableClock
from tests.ras_server.processes import ras, serving, speaking

TOTP = "/v1/users/me/totp"

SHA1_SECRET = b"12345678901234567890"
SHA256_SECRET = b"12345678901234567890123456789012"
SHA512_SECRET = b"1234567890123456789012345678901234567890123456789012345678901234"


@pytest.mark.parametrize(
    ("at", "sha1", "sha256", "sha512"),
    [
        (59, "94287082", "46119246", "90693936"),
        (1111111109, "07081804", "68084774", "25091201"),
        (1111111111, "14050471", "67062674", "99943326"),
        (1234567890, "89005924", "91819424", "93441116"),
        (2000000000, "69279037", "90698825", "38618901"),
        (20000000000, "65353130", "77737706", "47863826"),
    ],
)
def test_vectors_of_rfc_6238(at: int, sha1: str, sha256: str, sha512: str) -> None:
    """The codes are those of appendix B of RFC 6238."""
    step = at // otp.STEP

    assert otp.hotp(SHA1_SECRET, step, 8) == sha1
    assert otp.hotp(SHA256_SECRET, step, 8, "sha256") == sha256
    assert otp.hotp(SHA512_SECRET, step, 8, "sha512") == sha512


@pytest.mark.parametrize(
    ("early", "taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_tolerance(early: int, *, taken: bool) -> None:
    """A code is taken one step of 30 s early or late, and no more."""
    now = 1_800_000_015
    code = otp.hotp(SHA1_SECRET, now // otp.STEP + early)

    step = otp.step_of(code, SHA1_SECRET, now, 0)

    assert (step is not None) is taken


def test_not_before_the_last() -> None:
    """After a code neither it nor an older one is taken."""
    now = 1_800_000_015
    current = now // otp.STEP
    codes = [otp.hotp(SHA1_SECRET, current + early) for early in (-1, 0, 1)]

    assert [otp.step_of(code, SHA1_SECRET, now, current) for code in codes] == [
        None,
        None,
        current + 1,
    ]


def code_of(secret: str, clock: MovableClock) -> str:
    """Return what an app shows."""
    return otp.hotp(b32decode(secret), int(clock()) // otp.STEP)


async def with_app(client: Client, clock: MovableClock) -> dict[str, Any]:
    """Register and log in, and take an app as second factor; return what the server gave."""
    clock.stop()
    await client.enter(ANNA)
    begun = await client.post(TOTP)
    code = code_of(begun.data["secret"], clock)
    confirmed = await client.post(f"{TOTP}/confirm", {"code": code})
    assert confirmed.data["second_factor"] == ["totp", "recovery"]
    clock.move(2 * otp.STEP)
    return begun.data


async def finish(client: Client, method: str, code: str, **fields: Any) -> Answer:
    """Log in with this second factor."""
    sasl_id, proved = await client.prove(ANNA)
    assert proved.code == 0, proved
    body = {"sasl_id": sasl_id, "method": method, "code": code}
    return await client.post("/v1/auth/second-factor", body | fields)


async def test_app(client: Client, clock: MovableClock) -> None:
    """With an app the login asks for its code, and sends none."""
    given = await with_app(client, clock)
    sent = len(client.outbox)
    sasl_id, proved = await client.prove(ANNA)
    body = {"sasl_id": sasl_id, "method": "totp", "code": code_of(given["secret"], clock)}
    done = await client.post("/v1/auth/second-factor", body)

    assert proved.data["methods"] == ["totp", "recovery"]
    assert len(client.outbox) == sent
    assert done.code == 0
    profile = (await client.get("/v1/users/me")).data
    assert (profile["second_factor"], profile["recovery_codes"]) == (["totp", "recovery"], 10)


async def test_account_channel_is_closed(client: Client, clock: MovableClock) -> None:
    """Who has an app cannot be entered by a code that is sent, not even an empty one."""
    await with_app(client, clock)
    sasl_id, _ = await client.prove(ANNA)

    for path, body in (
        ("/v1/auth/second-factor/send", {"method": "email"}),
        ("/v1/auth/second-factor", {"method": "email", "code": "000000"}),
    ):
        answer = await client.post(path, {"sasl_id": sasl_id} | body)
        assert (answer.http, answer.code) == (400, 4001)


async def test_uri(client: Client, clock: MovableClock) -> None:
    """The address for an app names the server and the account, and holds the secret."""
    given = await with_app(client, clock)
    parts = urlsplit(given["uri"])

    assert (parts.scheme, parts.netloc, parts.path) == (
        "otpauth",
        "totp",
        "/RAS%3Aanna%40example.org",
    )
    assert parse_qs(parts.query) == {
        "secret": [given["secret"]],
        "issuer": ["RAS"],
        "algorithm": ["SHA1"],
        "digits": ["6"],
        "period": ["30"],
    }


async def test_code_of_an_app_works_once(client: Client, clock: MovableClock) -> None:
    """A code that was taken is not taken again, although its 30 s are not over."""
    given = await with_app(client, clock)
    code = code_of(given["secret"], clock)
    first = await finish(client, "totp", code)
    second = await finish(client, "totp", code)

    assert (first.code, second.code) == (0, 1003)


async def test_code_that_confirmed_is_used(client: Client, clock: MovableClock) -> None:
    """The code that turned the app on is no code for a login."""
    given = await with_app(client, clock)
    clock.set_back(2 * otp.STEP)

    assert (await finish(client, "totp", code_of(given["secret"], clock))).code == 1003


async def test_recovery_code(client: Client, clock: MovableClock) -> None:
    """A recovery code works once, however it is written."""
    given = await with_app(client, clock)
    code = given["recovery_codes"][3]
    first = await finish(client, "recovery", code.upper().replace("-", " "))
    second = await finish(client, "recovery", code)

    assert len(set(given["recovery_codes"])) == 10
    assert (first.code, second.code) == (0, 1003)
    assert (await client.get("/v1/users/me")).data["recovery_codes"] == 9


async def test_new_recovery_codes(client: Client, clock: MovableClock) -> None:
    """New recovery codes end the old ones."""
    given = await with_app(client, clock)
    new = await client.post(f"{TOTP}/recovery-codes")

    assert (await finish(client, "recovery", given["recovery_codes"][0])).code == 1003
    assert (await finish(client, "recovery", new.data["recovery_codes"][0])).code == 0


async def test_recovery_codes_without_app(client: Client) -> None:
    """Without an app there are no recovery codes."""
    await client.enter(ANNA)

    assert (await client.post(f"{TOTP}/recovery-codes")).code == 4005


async def test_not_confirmed(client: Client, clock: MovableClock) -> None:
    """A secret that was never confirmed counts for nothing, nor do its recovery codes."""
    clock.stop()
    await client.enter(ANNA)
    begun = (await client.post(TOTP)).data
    wrong = await client.post(f"{TOTP}/confirm", {"code": "000000"})
    _, proved = await client.prove(ANNA)

    assert (wrong.http, wrong.code) == (403, 1003)
    assert proved.data["methods"] == ["email"]
    assert (await finish(client, "recovery", begun["recovery_codes"][0])).code == 4001


async def test_another_app(client: Client, clock: MovableClock) -> None:
    """The app in use counts until the first code of another one was right."""
    old = await with_app(client, clock)
    new = (await client.post(TOTP)).data

    assert (await finish(client, "totp", code_of(new["secret"], clock))).code == 1003
    assert (await finish(client, "totp", code_of(old["secret"], clock))).code == 0
    clock.move(otp.STEP)
    await client.post(f"{TOTP}/confirm", {"code": code_of(new["secret"], clock)})
    clock.move(otp.STEP)
    assert (await finish(client, "totp", code_of(old["secret"], clock))).code == 1003
    assert (await finish(client, "recovery", old["recovery_codes"][0])).code == 1003
    clock.move(5)
    assert (await finish(client, "totp", code_of(new["secret"], clock))).code == 0


async def test_without_app_again(client: Client, clock: MovableClock) -> None:
    """An app can be given up; then codes are sent again."""
    given = await with_app(client, clock)
    ended = await client.request("DELETE", TOTP)
    _, proved = await client.prove(ANNA)

    assert ended.data["second_factor"] == proved.data["methods"] == ["email"]
    assert (await finish(client, "recovery", given["recovery_codes"][0])).code == 4001


async def test_reset_keeps_the_app(client: Client, clock: MovableClock) -> None:
    """Who only reads the mail of a person gets no further than a new password."""
    await with_app(client, clock)
    proved = await client.verified(ANNA, "reset")
    await client.post("/v1/users/reset", proved | {"scram": verifier("another password")})
    _, stepped = await client.prove(ANNA, "another password")

    assert stepped.data["methods"] == ["totp", "recovery"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", TOTP),
        ("POST", f"{TOTP}/confirm"),
        ("POST", f"{TOTP}/recovery-codes"),
        ("DELETE", TOTP),
    ],
)
async def test_needs_fresh_login(
    client: Client, clock: MovableClock, method: str, path: str
) -> None:
    """A change of the second factor needs a login of at most five minutes."""
    await with_app(client, clock)
    clock.move(301)
    answer = await client.request(method, path, {"code": "000000"})

    assert (answer.http, answer.code) == (401, 1005)


async def test_guessing(client: Client, clock: MovableClock) -> None:
    """Wrong codes of an app cost time, over logins; after a hundred a day has to pass."""
    given = await with_app(client, clock)
    taken = 0
    while taken < 100:
        answer = await finish(client, "totp", "x")
        if answer.code == 1006:
            clock.move(answer.data["retry_after"])
        else:
            assert answer.code == 1003
            taken += 1
    right = await finish(client, "totp", code_of(given["secret"], clock))
    recovered = await finish(client, "recovery", given["recovery_codes"][0])

    assert right.code == 1006
    assert right.data["retry_after"] > 3600
    assert recovered.code == 0


async def test_sealed(client: Client, clock: MovableClock, app: web.Application) -> None:
    """The database alone gives no code, and no recovery code."""
    given = await with_app(client, clock)
    row = app[DATABASE].one("SELECT secret FROM totp")
    codes = app[DATABASE].all("SELECT hash FROM recovery_code")

    assert row is not None
    assert b32decode(given["secret"]) not in row["secret"]
    assert {code["hash"] for code in codes} == set(
        map(otp.hash_recovery_code, given["recovery_codes"])
    )


async def test_audit(client: Client, clock: MovableClock, app: web.Application) -> None:
    """The audit tells what became of the second factor, and with which one a person logged in."""
    given = await with_app(client, clock)
    await finish(client, "recovery", given["recovery_codes"][0])
    await client.request("DELETE", TOTP)
    entries = [row["entry"] for row in app[DATABASE].all("SELECT entry FROM audit ORDER BY n")]

    assert app[AUDIT].head.n == len(entries)
    assert any("user.totp.on" in each for each in entries)
    assert any("user.totp.off" in each for each in entries)
    assert any('"factor":"recovery"' in each for each in entries)


async def test_trusted_clients(client: Client, clock: MovableClock) -> None:
    """A user sees the clients he trusts, and ends the trust in one of them."""
    await client.register(ANNA)
    first = (await client.log_in(ANNA, trust=True)).data["trust_token"]
    clock.move(1)  # the list is in the order of seconds
    second = (await client.log_in(ANNA, trust=True)).data["trust_token"]
    stranger = await client.another().enter(BORIS)
    listed = (await client.get("/v1/users/me/trusted")).data["items"]
    path = f"/v1/users/me/trusted/{listed[0]['trust_id']}"

    assert [each["client"].split("/")[0] for each in listed] == ["Python", "Python"]
    assert (await stranger.get("/v1/users/me/trusted")).data["items"] == []
    assert (await stranger.request("DELETE", path)).code == 4005
    assert (await client.request("DELETE", path)).code == 0
    ends = [(await client.prove(ANNA, trust_token=token))[1] for token in (first, second)]
    assert [each.data["next"] for each in ends] == ["second_factor", "done"]


async def test_app_ends_trust(client: Client, clock: MovableClock) -> None:
    """A client that was trusted for a code by mail has to show a code of the app once."""
    await client.register(ANNA)
    trust = (await client.log_in(ANNA, trust=True)).data["trust_token"]
    await client.another().log_in(ANNA)
    begun = await client.post(TOTP)
    await client.post(f"{TOTP}/confirm", {"code": code_of(begun.data["secret"], clock)})
    _, proved = await client.prove(ANNA, trust_token=trust)

    assert proved.data["next"] == "second_factor"


async def test_lost_app(tmp_path: Path) -> None:
    """An administrator lets a user in who has lost his app and his recovery codes."""
    folder, codes = tmp_path / "ras", tmp_path / "codes"
    await ras("init", "--folder", folder, "--delivery", f"file:{codes}")
    async with serving(folder) as server, speaking(server, codes) as client:
        await client.enter(ANNA)
        secret = b32decode((await client.post(TOTP)).data["secret"])
        code = otp.hotp(secret, int(time.time()) // otp.STEP)
        await client.post(f"{TOTP}/confirm", {"code": code})
        _, before = await client.prove(ANNA)
        forgotten = await ras("user", "forget-app", client.user_id, "--folder", folder)
        _, after = await client.prove(ANNA)

    assert forgotten.code == 0
    assert before.data["methods"] == ["totp", "recovery"]
    assert after.data["methods"] == ["email"]
