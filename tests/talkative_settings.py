"""The hub's settings with a talkative task queue: its lines tell which process does what."""

from __future__ import annotations

from hub.settings import *  # noqa: F403
from hub.settings import LOGGING

LOGGING["loggers"]["django-q"]["level"] = "INFO"
