"""The same parts as in the integration's tests, without a log: it would be most of the memory."""

from collections.abc import Generator
import logging

import pytest

from tests.integration.conftest import _custom_integration, air, switch

__all__ = ["_custom_integration", "air", "switch"]


@pytest.fixture(autouse=True)
def _quiet() -> Generator[None]:
    """Keep no log records."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)
