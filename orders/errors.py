"""Why a request about an order is turned down, beyond what `hub.refusals` says."""

from __future__ import annotations

from hub.refusals import Refusal


class ForTestAccounts(Refusal):
    """Only a test account may make and approve its own orders."""
