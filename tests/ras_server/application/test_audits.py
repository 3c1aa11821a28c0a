"""The audit over HTTP: what somebody sees of it, its check, its export, its checkpoints."""

import csv
from hashlib import sha256
from io import StringIO
import json
from pathlib import Path
import sqlite3

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
import pytest

from ras_server.application.audit import AUDIT
from ras_server.application.audits import TURN
from ras_server.application.checkpoints import FILE, Checkpoint, take
from ras_server.keys import DATABASE
from ras_server.settings import Settings
from tests.ras_server.application.parts import Door, Gateway
from tests.ras_server.client import Answer, Client
from tests.ras_server.processes import ras

ALL = 9007199254740991


def numbers(answer: Answer) -> list[int]:
    """Return the numbers of the listed entries."""
    return [item["entry"]["n"] for item in answer.data["items"]]


async def text(client: Client, path: str) -> str:
    """Return the text of an answer."""
    async with client.session.get(client.url + path, headers=client.headers) as response:
        assert response.status == 200
        return await response.text()


async def test_both_ways(app: web.Application, owner: Client, home: Gateway) -> None:
    """The list goes from the oldest on or from the newest back, in pages."""
    for _ in range(450):
        app[AUDIT].append("x", f"user:{owner.user_id}", "ras:n1")
    forward = [await owner.get("/v1/audit")]
    back = [await owner.get(f"/v1/audit?before={ALL}")]
    while forward[-1].data["next"]:
        forward.append(await owner.get(f"/v1/audit?after={forward[-1].data['next']}"))
    while back[-1].data["next"]:
        back.append(await owner.get(f"/v1/audit?before={back[-1].data['next']}"))

    there = [n for page in forward for n in numbers(page)]
    assert len(there) > 450
    assert there == sorted(set(there))
    assert [n for page in back for n in numbers(page)] == there[::-1]
    assert home


@pytest.mark.parametrize("query", ["after=x", "before=-1", "before=", "after=12345678901234567"])
async def test_no_number(owner: Client, query: str) -> None:
    """What is no number is refused, and the field is named."""
    answer = await owner.get(f"/v1/audit?{query}")

    assert (answer.http, answer.code) == (400, 4001)
    assert answer.data["errors"][0]["pointer"] == f"/{query.partition('=')[0]}"


async def test_what_is_seen(
    app: web.Application, owner: Client, client: Client, home: Gateway, door: Door
) -> None:
    """A person sees what he did and what is his; of a device what was since it is his."""
    other = await client.another().enter("other@example.org")
    theirs = await other.gateway()
    device, ts = f"dev:{door.device_id}", int((await owner.get("/v1/info")).body["ts"])
    app[DATABASE].execute("UPDATE device SET registration = ?", (ts + 100,))
    app[AUDIT].append("early", "ras:n1", device)
    app[DATABASE].execute("UPDATE device SET registration = ?", (ts - 100,))
    app[AUDIT].append("late", "ras:n1", device)

    async def seen(caller: Client) -> set[tuple[str, str]]:
        answer = await caller.get("/v1/audit")
        return {(item["entry"]["action"], item["entry"]["object"]) for item in answer.data["items"]}

    mine, foreign = await seen(owner), await seen(other)

    assert {("late", device), ("early", device), ("gateway.create", f"gw:{home.id}")} <= mine
    assert ("user.login", f"user:{owner.user_id}") in mine
    assert foreign == {
        ("user.register", f"user:{other.user_id}"),
        ("user.login", f"user:{other.user_id}"),
        ("gateway.create", f"gw:{theirs.gateway_id}"),
    }
    app[DATABASE].execute("UPDATE device SET registration = ?", (ts + 100,))
    assert ("late", device) not in await seen(owner)


async def test_json_lines(owner: Client, client: Client, home: Gateway) -> None:
    """The export as JSON lines keeps the text that was hashed, of the caller's entries only."""
    other = await client.another().enter("other@example.org")
    lines = (await text(owner, "/v1/audit/export")).splitlines()
    foreign = await text(other, "/v1/audit/export")
    items = (await owner.get("/v1/audit")).data["items"]

    parsed = [json.loads(line) for line in lines]
    assert parsed == items
    assert home.id not in foreign
    first, second = (line[len('{"entry":') : line.index(',"hash":')] for line in lines[:2])
    chained = sha256(bytes.fromhex(parsed[0]["hash"]) + second.encode()).hexdigest()
    assert sha256(bytes(32) + first.encode()).hexdigest() == parsed[0]["hash"]
    assert chained == parsed[1]["hash"]


async def test_table(owner: Client, home: Gateway) -> None:
    """The export as a table has one row for each entry, and may begin later."""
    whole = list(csv.DictReader(StringIO(await text(owner, "/v1/audit/export?format=csv"))))
    rest = list(csv.DictReader(StringIO(await text(owner, "/v1/audit/export?format=csv&after=3"))))
    items = (await owner.get("/v1/audit")).data["items"]

    assert [row["action"] for row in whole] == [item["entry"]["action"] for item in items]
    assert [json.loads(row["detail"]) for row in whole] == [
        item["entry"]["detail"] for item in items
    ]
    assert rest == [row for row in whole if int(row["n"]) > 3]
    assert home


async def test_unknown_format(owner: Client) -> None:
    """Another format is refused before anything is sent."""
    answer = await owner.get("/v1/audit/export?format=xml")

    assert (answer.http, answer.code) == (400, 4001)
    assert answer.data["errors"][0]["pointer"] == "/format"


async def test_signed_head(app: web.Application, owner: Client, settings: Settings) -> None:
    """The newest checkpoint is told with the key that checks it, and nothing is signed twice."""
    await take(app)
    await take(app)
    answer = await owner.get("/v1/audit/head")
    checkpoint = Checkpoint(**answer.data["checkpoint"])
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(answer.data["key"]))

    assert checkpoint.is_authentic(key)
    assert (checkpoint.n, checkpoint.hash) == (answer.data["n"], answer.data["hash"])
    assert len((settings.folder / FILE).read_bytes().splitlines()) == 1


async def test_one_check_at_a_time(app: web.Application, owner: Client) -> None:
    """The chain is checked for one caller at a time, and so far as that is quick."""
    async with app[TURN]:
        refused = await owner.post("/v1/audit/verify")
    checked = await owner.post("/v1/audit/verify", {"to": 1})
    far = await owner.post("/v1/audit/verify", {"to": 40_000})

    assert (refused.http, refused.code, refused.data["retry_after"]) == (429, 5003, 1)
    assert (checked.data["ok"], checked.data["to"]) == (True, 1)
    assert (far.data["ok"], far.data["kind"]) == (False, "missing")


def tamper(folder: Path, statement: str) -> None:
    """Write into the audit of a database, past its guards."""
    with sqlite3.connect(folder / "ras.db") as database:
        for trigger in "audit_update", "audit_delete":
            database.execute(f"DROP TRIGGER IF EXISTS {trigger}")
        database.execute(statement)


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """Return the folder of a server whose audit has three entries, each of them signed."""
    folder = tmp_path / "ras"
    await ras("init", "--folder", folder)
    for number in range(3):
        account = f"+4917012345{number}"
        added = await ras("user", "add", account, "--folder", folder, stdin="long enough")
        assert added.code == 0, added
    return folder


async def test_command(folder: Path, tmp_path: Path) -> None:
    """`ras audit` checks, and writes everything to a new file or to the console."""
    file = tmp_path / "x.csv"
    good = await ras("audit", "verify", "--folder", folder)
    exported = await ras("audit", "export", file, "--format", "csv", "--folder", folder)
    twice = await ras("audit", "export", file, "--folder", folder)
    shown = await ras("audit", "export", "-", "--after", 2, "--folder", folder)
    unknown = await ras("audit", "operation", "o-none", "--folder", folder)

    assert (good.code, exported.code, twice.code, unknown.code) == (0, 0, 1, 1)
    assert "3 entries, 3 signed checkpoints" in good.out
    assert len(file.read_text().splitlines()) == 4
    assert file.stat().st_mode & 0o777 == 0o600
    assert [json.loads(line)["entry"]["n"] for line in shown.out.splitlines()] == [3]
    assert "File exists" in twice.err
    assert "no such operation" in unknown.err


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        pytest.param(
            "UPDATE audit SET entry = replace(entry, 'ras:admin', 'ras:nobody') WHERE n = 2",
            "entry 2 was altered",
            id="altered",
        ),
        pytest.param("DELETE FROM audit WHERE n = 2", "entry 2 is missing", id="missing"),
        pytest.param("DELETE FROM audit WHERE n = 3", "entry 3 is missing", id="cut"),
    ],
)
async def test_command_names_it(folder: Path, statement: str, says: str) -> None:
    """`ras audit verify` ends with 1, and one line says which entry is wrong, and how."""
    tamper(folder, statement)

    result = await ras("audit", "verify", "--folder", folder)

    assert result.code == 1
    assert says in result.err.splitlines()[-1]


async def test_command_with_a_copy(folder: Path, tmp_path: Path) -> None:
    """A copy of the checkpoints, kept elsewhere, tells of a tail that was cut with its own."""
    copy, file = tmp_path / "copy", folder / FILE
    copy.write_bytes(file.read_bytes())
    tamper(folder, "DELETE FROM audit WHERE n = 3")
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:2]))

    deceived = await ras("audit", "verify", "--folder", folder)
    found = await ras("audit", "verify", "--checkpoints", copy, "--folder", folder)

    assert deceived.code == 0
    assert found.code == 1
    assert "entry 3 is missing" in found.err
