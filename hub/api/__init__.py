"""The API's plumbing: who calls, what came in, what went wrong, which page. No business here."""

from __future__ import annotations
