"""Parcels the marketplace's own carrier takes: grouped into lists (PLP), labelled, picked up."""

from __future__ import annotations
