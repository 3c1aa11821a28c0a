"""Names that several modules of the integration share."""

import logging
from typing import Final

DOMAIN: Final = "igrs"
LOGGER: Final = logging.getLogger(__package__)

SUBENTRY_LOCK: Final = "lock"
SUBENTRY_PERSON: Final = "person"

CONF_SERVER_ID: Final = "server_id"
CONF_USER_ID: Final = "user_id"
CONF_GATEWAY_ID: Final = "gateway_id"
CONF_GATEWAY_SECRET: Final = "gateway_secret"  # noqa: S105 - a name, not a secret
CONF_FINGERPRINT: Final = "fingerprint"

CONF_DEVICE_ID: Final = "device_id"

EVENT_ACCESS: Final = "igrs_access"

CONF_VOICE_UNLOCK: Final = "voice_unlock"
CONF_VOICE_PIN: Final = "voice_pin"

CONF_USER: Final = "user"
CONF_PERSON: Final = "person"
