"""The API's description, for programs and for people."""

from __future__ import annotations

from typing import Any

from django.urls import path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from hub.homologation.api import HomologationView

OPEN: dict[str, Any] = {"authentication_classes": [], "permission_classes": []}

urlpatterns = [
    path("schema", SpectacularAPIView.as_view(**OPEN), name="schema"),
    # The split view has no inline script, so the settings' content security policy holds here too.
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="schema", **OPEN), name="docs"),
    re_path(r"^homologation/?$", HomologationView.as_view()),
]
