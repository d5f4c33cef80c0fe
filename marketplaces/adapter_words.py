"""What adapters say of their credentials: they know no Django, so their words enter the catalogue here.

Nothing imports this module; `makemessages` reads it. A test finds the words an adapter has and this lacks.
"""

from __future__ import annotations

from django.utils.translation import gettext_noop

WORDS = (
    gettext_noop("API key"),
    gettext_noop("Webhook secret"),
    gettext_noop("Optional: without it the marketplace's webhooks are refused."),
)
