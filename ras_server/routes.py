"""Every route of the server, in the order of the clauses."""

from typing import Final

from . import account, admin, application, health, message, metrics, rewrap

ROUTES: Final = (
    *account.ROUTES,  # 7.1, 7.2: users; 6.4: gateways
    *application.ROUTES,  # 7.3 to 7.5: devices
    *message.ROUTES,  # 7.7: messages
    *health.ROUTES,
    *metrics.ROUTES,
    *admin.ROUTES,
    *rewrap.ROUTES,
)
