"""The composition root: the only place that knows every app's addresses."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import include, path

from hub import healthz, metrics
from hub.own_account import SetPassword, accept_invitation, open_invitation
from hub.portal import portal_site
from marketplaces import webhooks


def root(request: HttpRequest) -> HttpResponse:
    """Send people to the portal; tell an API client where it is."""
    if request.accepts("text/html") and "text/html" in request.headers.get("Accept", ""):
        return HttpResponseRedirect("/portal/")
    return JsonResponse({"name": "Hub API", "docs": request.build_absolute_uri("/docs/")})


urlpatterns = [
    # First what ERPs call all day. What lies under /products but is none stands before the catalogue's,
    # whose /products/{sku} would take /products/urls for a SKU.
    path("", include("marketplaces.public_urls")),
    path("", include("catalog.urls")),
    path("", include("orders.urls")),
    path("", include("marketplaces.urls")),
    path("", root, name="root"),
    path("healthz", healthz.live, name="live"),
    path("healthz/ready", healthz.ready, name="ready"),
    path("metrics", metrics.metrics, name="metrics"),
    path("admin/", admin.site.urls),
    path("portal/", portal_site.urls),
    path("password/<uidb64>/<token>/", SetPassword.as_view(), name="set_password"),
    path("invitation/", accept_invitation, name="accept_invitation"),
    path("invitation/<str:secret>/", open_invitation, name="invitation"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("hub.api.urls")),
    path("hooks/<uuid:public_id>", webhooks.receive, name="hook"),
]

handler400 = "hub.api.errors.bad_request"
handler403 = "hub.api.errors.permission_denied"
handler404 = "hub.api.errors.not_found"
handler500 = "hub.api.errors.server_error"
