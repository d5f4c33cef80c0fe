"""Webhooks to the ERP: who wants to hear of what, and how it is told."""

from __future__ import annotations
