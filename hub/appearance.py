"""How the two sites look: titles, colours and logos for unfold. Menus come from the sites themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _


def _file(path: str) -> Callable[[HttpRequest], str]:
    """Return the address of a static file when a page asks, because the settings are read too early."""
    return lambda request: static(path)


# One hue (teal) for everything that can be clicked; contrast checked against white and base-900.
PRIMARY = {
    "50": "#f0fdfa",
    "100": "#ccfbf1",
    "200": "#99f6e4",
    "300": "#5eead4",
    "400": "#2dd4bf",
    "500": "#14b8a6",
    "600": "#0f766e",
    "700": "#115e59",
    "800": "#134e4a",
    "900": "#0b3b38",
    "950": "#042f2e",
}

_SHARED: dict[str, Any] = {
    "SITE_TITLE": "Hub",
    "SITE_ICON": _file("hub/logo.svg"),
    "SITE_URL": None,
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": _file("hub/logo.svg")},
    ],
    "SHOW_LANGUAGES": True,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "6px",
    "COLORS": {"primary": PRIMARY},
    "STYLES": [_file("hub/hub.css")],
    "SCRIPTS": [_file("hub/hub.js")],
}

UNFOLD: dict[str, Any] = {
    **_SHARED,
    "SITE_HEADER": _("Hub · staff"),
    "SIDEBAR": {"show_search": True},
}
UNFOLD_PORTAL: dict[str, Any] = {
    **_SHARED,
    "SITE_HEADER": "Hub",
    "SHOW_HISTORY": False,
    "SHOW_BACK_BUTTON": True,
}
