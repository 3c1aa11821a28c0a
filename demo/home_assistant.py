"""A real Home Assistant, set up through its public interfaces: REST and WebSocket."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
import json
from pathlib import Path
import shutil
from typing import Any, Final

import aiohttp

from .errors import HassRefusedError, ProcessError
from .processes import Program, running

ROOT: Final = Path(__file__).resolve().parent.parent
START_TIMEOUT: Final = 120  # seconds; the first start compiles what it imports

CONFIGURATION: Final = """\
homeassistant:
  name: Demo
  country: DE
  unit_system: metric
  time_zone: Europe/Berlin
automation: !include automations.yaml
config:
conversation:
history:
logbook:
logger:
  default: warning
  logs:
    custom_components.igrs: debug
"""


def prepare(folder: Path, port: int) -> None:
    """Make a configuration folder, and install the integration there as the stores do."""
    storage = folder / ".storage"
    storage.mkdir(parents=True, exist_ok=True)
    (folder / "configuration.yaml").write_text(CONFIGURATION)
    (folder / "automations.yaml").touch()
    shutil.copytree(ROOT / "blueprints", folder / "blueprints", dirs_exist_ok=True)
    installed = folder / "custom_components/igrs"
    shutil.rmtree(installed, ignore_errors=True)
    shutil.copytree(
        ROOT / "custom_components/igrs", installed, ignore=shutil.ignore_patterns("__pycache__")
    )
    # In YAML, the port would be tried for five minutes and then given up.
    http = {
        "server_host": ["127.0.0.1"],
        "server_port": port,
        "cors_allowed_origins": [],
        "login_attempts_threshold": -1,
        "ip_ban_enabled": True,
        "ssl_profile": "modern",
        "use_x_frame_options": True,
        "created_at": "2026-01-01T00:00:00+00:00",
        "error": None,
        "error_message": None,
    }
    _seed(storage, "http", 2, 2, {"stable": http, "pending": None, "yaml_migration_done": True})
    # These steps would set up integrations that want the network.
    _seed(storage, "onboarding", 4, 1, {"done": ["core_config", "analytics", "integration"]})


def _seed(storage: Path, key: str, version: int, minor: int, data: Mapping[str, Any]) -> None:
    path = storage / key
    if not path.exists():
        content = {"version": version, "minor_version": minor, "key": key, "data": data}
        path.write_text(json.dumps(content))


def home_assistant(
    folder: Path, log: Path, version: str | None = None
) -> AbstractAsyncContextManager[Program]:
    """Run a Home Assistant inside the context, of the usual version or of another."""
    programs = ROOT / (".venv-hass" if version is None else f".venv-hass-{version}") / "bin"
    if not (programs / "hass").exists():
        raise ProcessError(f"Home Assistant {version} is missing; see script/setup all")
    return running(
        *(programs / "hass", "--config", folder, "--skip-pip", "--log-no-color"),
        log=log,
        environment={"PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin"},
    )


class HomeAssistant:
    """What a person does with Home Assistant, by its interfaces."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        """Be nobody, until a log-in."""
        self.url = url
        self.token = ""
        self.tokens: dict[str, Any] = {}
        self._session = session

    async def ready(self) -> None:
        """Wait until it answers."""
        try:
            async with asyncio.timeout(START_TIMEOUT):
                while True:
                    try:
                        await self.get("/manifest.json")
                    except aiohttp.ClientError, HassRefusedError:
                        await asyncio.sleep(0.1)
                    else:
                        return
        except TimeoutError:
            raise ProcessError("Home Assistant does not answer") from None

    async def get(self, path: str) -> Any:
        """Return what a path has, or raise HassRefusedError."""
        return await self._request("GET", path)

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send a JSON body and return the answer, or raise HassRefusedError."""
        return await self._request("POST", path, json=body)

    async def _request(self, method: str, path: str, **content: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        async with self._session.request(
            method, self.url + path, headers=headers, **content
        ) as response:
            text = await response.text()
        if not response.ok:
            raise HassRefusedError(response.status, text)
        return json.loads(text) if text else None

    async def log_in(self, name: str, password: str) -> None:
        """Log in; the first person becomes the owner."""
        client = {"client_id": f"{self.url}/"}
        person = {"username": name, "password": password}
        try:
            created = await self.post(
                "/api/onboarding/users", client | person | {"name": name, "language": "en"}
            )
            code = created["auth_code"]
        except HassRefusedError:  # there is one already
            flow = await self.post(
                "/auth/login_flow",
                client | {"handler": ["homeassistant", None], "redirect_uri": client["client_id"]},
            )
            code = (await self.post(f"/auth/login_flow/{flow['flow_id']}", client | person))[
                "result"
            ]
        form = client | {"grant_type": "authorization_code", "code": code}
        self.tokens = await self._request("POST", "/auth/token", data=form)
        self.token = self.tokens["access_token"]

    async def ask(self, kind: str, **arguments: Any) -> Any:
        """Send one command over a WebSocket and return its result."""
        async with self._socket() as socket:
            await socket.send_json({"id": 1, "type": kind, **arguments})
            answer = await socket.receive_json()
        if not answer["success"]:
            raise HassRefusedError(400, answer["error"]["message"])
        return answer["result"]

    async def until[T](
        self, kind: str, look: Callable[[Any], T | None], seconds: float, **arguments: Any
    ) -> T:
        """Subscribe, and return the first thing that somebody who looks finds in an event."""
        async with asyncio.timeout(seconds), self._socket() as socket:
            await socket.send_json({"id": 1, "type": kind, **arguments})
            while True:
                message = await socket.receive_json()
                if message["type"] == "event" and (found := look(message["event"])) is not None:
                    return found

    @asynccontextmanager
    async def _socket(self) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        async with self._session.ws_connect(f"{self.url}/api/websocket") as socket:
            await socket.receive_json()
            await socket.send_json({"type": "auth", "access_token": self.token})
            await socket.receive_json()
            yield socket

    async def flow(self, handler: str, *forms: Mapping[str, Any]) -> Any:
        """Add an integration: start its flow, fill each form, and return the last result."""
        result = await self.post("/api/config/config_entries/flow", {"handler": handler})
        for form in forms:
            result = await self.fill(result["flow_id"], form)
        return result

    async def fill(self, flow_id: str, form: Mapping[str, Any]) -> Any:
        """Fill the form that a flow shows, and return what comes next."""
        return await self.post(f"/api/config/config_entries/flow/{flow_id}", form)

    async def state(self, entity_id: str) -> str:
        """Return the state of an entity."""
        state: str = (await self.get(f"/api/states/{entity_id}"))["state"]
        return state

    async def until_state(self, entity_id: str, states: Collection[str], seconds: float) -> str:
        """Return the state of an entity as soon as it is one of these."""

        def look(event: Any) -> str | None:
            added = event.get("a", {}).get(entity_id)
            changed = event.get("c", {}).get(entity_id, {}).get("+")
            state = (added or changed or {}).get("s")
            return state if state in states else None

        return await self.until("subscribe_entities", look, seconds, entity_ids=[entity_id])

    async def act(self, action: str, entity_id: str) -> None:
        """Perform an action on an entity, or raise HassRefusedError."""
        domain, _, name = action.partition(".")
        await self.post(f"/api/services/{domain}/{name}", {"entity_id": entity_id})

    async def answer(self, action: str, entity_id: str) -> Any:
        """Perform an action on an entity and return its response, or raise HassRefusedError."""
        domain, _, name = action.partition(".")
        path = f"/api/services/{domain}/{name}?return_response"
        return (await self.post(path, {"entity_id": entity_id}))["service_response"]

    async def say(self, text: str) -> str:
        """Say something in English to Assist, and return what kind of answer comes."""
        said = {"text": text, "language": "en"}
        kind: str = (await self.post("/api/conversation/process", said))["response"][
            "response_type"
        ]
        return kind
