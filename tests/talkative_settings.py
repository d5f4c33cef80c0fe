"""The hub's settings with a talkative task queue: its lines tell which process does what.

HUB_DATABASE_WIRE is the port of a wire (tests/wires.py) through which the hub's own database is reached.
"""

from __future__ import annotations

import os

from hub.settings import *  # noqa: F403
from hub.settings import DATABASES, LOGGING

LOGGING["loggers"]["django-q"]["level"] = "INFO"
if os.environ.get("HUB_DATABASE_WIRE"):
    DATABASES["default"] |= {"HOST": "127.0.0.1", "PORT": os.environ["HUB_DATABASE_WIRE"]}
