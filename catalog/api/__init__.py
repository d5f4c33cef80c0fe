"""The catalogue over the API, as SkyHub's clients know it, and the bulk calls beyond."""

from __future__ import annotations
