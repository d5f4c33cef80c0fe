"""The hub as a WSGI application: what `manage.py run` gives to granian, and any other WSGI server may serve."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.settings")

application = get_wsgi_application()
