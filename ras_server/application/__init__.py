"""Devices, their keys and everything that is done with them: DDMS and SCS (clauses 7.3 to 7.5)."""

from typing import Final

from aiohttp import web

ROUTES: Final[tuple[web.RouteDef, ...]] = ()
"""The routes of the application server, in the order of the clauses."""
