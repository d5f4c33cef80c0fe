"""Staff, as in the portal's tests."""

from __future__ import annotations

from tests.portal.conftest import staff  # noqa: F401
