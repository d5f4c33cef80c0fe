"""The hub as a WSGI application: `manage.py run` serves it with granian; any other WSGI server may."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

from hub.api.chunked import with_lengths

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.settings")

application = with_lengths(get_wsgi_application())
