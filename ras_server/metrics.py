"""Metrics for Prometheus (project profile, section 12); the extra `metrics` brings the library.

No label ever holds a person, a device or an address. Whoever asks shows the token of the settings,
or sits on this machine: on a loopback address without a proxy in between, or at the socket of the
administrator.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
import hmac
from ipaddress import ip_address
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from .application.audit import AUDIT
from .application.checkpoints import CHECKPOINTS
from .errors import Code, RasError
from .keys import CLOCK, DATABASE, SETTINGS
from .message.push import PUSH
from .principal import public
from .settings import Settings, SettingsError
from .version import VERSION
from .web import CODE, route_name

if TYPE_CHECKING:
    from prometheus_client import Metric

PATH: Final = "/metrics"
_FORWARDED: Final = ("Forwarded", "X-Forwarded-For", "X-Real-Ip")
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25)

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def available(settings: Settings) -> None:
    """Raise SettingsError if metrics are wanted, and the library is not there."""
    if settings.metrics:
        try:
            import prometheus_client  # noqa: F401, PLC0415 - 5 MiB, for those who want it
        except ImportError:
            raise SettingsError("metrics need a library: install igrs-ras[metrics]") from None


class Metrics:
    """What is counted while the server runs."""

    def __init__(self, app: web.Application) -> None:
        """Count in a registry of its own, from zero."""
        import prometheus_client as prometheus  # noqa: PLC0415 - see available

        self.registry = prometheus.CollectorRegistry()
        self._requests = prometheus.Histogram(
            "ras_request_seconds",
            "Time of requests.",
            ("method", "route", "http"),
            registry=self.registry,
            buckets=_SECONDS,
        )
        self._refusals = prometheus.Counter(
            "ras_refusals", "Requests that were refused.", ("code",), registry=self.registry
        )
        self._entries = prometheus.Counter(
            "ras_audit_entries",
            "Decisions, logins, key events and changes, by their result.",
            ("action", "result"),
            registry=self.registry,
        )
        prometheus.ProcessCollector(registry=self.registry)
        self.registry.register(_State(app))

    def request(self, request: web.Request, response: web.StreamResponse, seconds: float) -> None:
        """Count an answer."""
        self._requests.labels(request.method, route_name(request), response.status).observe(seconds)
        if (code := response.get(CODE)) is not None:
            self._refusals.labels(int(code)).inc()

    def entry(self, entry: dict[str, Any]) -> None:
        """Count an entry of the audit."""
        self._entries.labels(entry["action"], int(entry["result"])).inc()


class _State:
    """What is looked up when somebody asks."""

    def __init__(self, app: web.Application) -> None:
        self._app = app

    def collect(self) -> Iterator[Metric]:
        """Yield the present values."""
        from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415 - see available

        app = self._app
        database, last, now = app[DATABASE], app[CHECKPOINTS].last, app[CLOCK]()
        waiting = database.one("SELECT count(*) AS frames FROM frame")
        values = {
            "ras_up": ("1, unless the database could not be written.", database.failure is None),
            "ras_audit_head": ("Number of the newest entry of the audit.", app[AUDIT].head.n),
            "ras_checkpoint_age_seconds": (
                "Time since the audit was signed.",
                0 if last is None else max(0, now - last.ts),
            ),
            "ras_push_connections": ("Connections that wait for messages.", len(app[PUSH])),
            "ras_waiting_frames": (
                "Locks that were sent something and have not answered.",
                waiting["frames"] if waiting else 0,
            ),
            "ras_database_log_bytes": ("Size of the write-ahead log.", database.log_size),
        }
        for name, (text, value) in values.items():
            yield GaugeMetricFamily(name, text, value=float(value))
        info = GaugeMetricFamily("ras_info", "The version of the server.", labels=["version"])
        info.add_metric([VERSION], 1)
        yield info


METRICS: Final = web.AppKey("metrics", Metrics)


def measured(handler: Handler) -> Handler:
    """Return a handler whose time is taken."""

    async def measure(request: web.Request) -> web.StreamResponse:
        began = perf_counter()
        response = await handler(request)
        request.app[METRICS].request(request, response, perf_counter() - began)
        return response

    return measure


async def context(app: web.Application) -> AsyncIterator[None]:
    """Count while the server runs, if that is wanted."""
    if app[SETTINGS].metrics:
        app[METRICS] = metrics = Metrics(app)
        app[AUDIT].listeners.append(metrics.entry)
    yield


@public
async def show(request: web.Request) -> web.Response:
    """Show the metrics to who may see them; to everybody else they do not exist."""
    from prometheus_client.exposition import generate_latest  # noqa: PLC0415 - see available

    if METRICS not in request.app or not _may_see(request):
        raise RasError(Code.UNKNOWN, "There is no such resource")
    text = generate_latest(request.app[METRICS].registry)
    return web.Response(
        body=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
    )


def _may_see(request: web.Request) -> bool:
    token = request.app[SETTINGS].metrics_token
    if token:
        scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(shown.encode(), token.encode())
    if any(name in request.headers for name in _FORWARDED):
        return False
    return not request.remote or ip_address(request.remote).is_loopback


ROUTES: Final = (web.get(PATH, show),)
