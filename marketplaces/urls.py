"""Addresses of the hub's own endpoints, each with or without a slash at its end."""

from __future__ import annotations

from django.urls import re_path

from marketplaces.api import connections, drift, issues, public_pages, rehub, sync_errors, views
from marketplaces.callbacks import api as webhooks

_WEBHOOK = r"^webhooks/(?P<id>[^/]+)"

urlpatterns = [
    re_path(r"^connections/?$", connections.ConnectionsView.as_view()),
    re_path(r"^connections/(?P<name>[^/]+)/?$", connections.ConnectionView.as_view()),
    re_path(r"^connections/(?P<name>[^/]+)/try/?$", connections.TryView.as_view()),
    re_path(r"^listings/?$", views.ListingsView.as_view()),
    re_path(r"^listings/send/?$", views.SendView.as_view()),
    re_path(r"^listings/history/?$", drift.HistoryView.as_view()),
    re_path(r"^listings/lag/?$", drift.LagView.as_view()),
    re_path(r"^listings/heal/?$", drift.HealView.as_view()),
    re_path(r"^loads/?$", views.LoadsView.as_view()),
    re_path(r"^loads/check/?$", views.LoadCheckView.as_view()),
    re_path(r"^loads/(?P<number>[0-9]{1,10})/?$", views.LoadView.as_view()),
    re_path(r"^loads/(?P<number>[0-9]{1,10})/items/?$", views.LoadItemsView.as_view()),
    re_path(r"^issues/?$", issues.IssuesView.as_view()),
    re_path(r"^issues/causes/?$", issues.CausesView.as_view()),
    re_path(r"^issues/put_aside/?$", issues.PutAsideView.as_view()),
    re_path(r"^issues/bring_back/?$", issues.BringBackView.as_view()),
    re_path(r"^urls/products/(?P<sku>.+?)/?$", public_pages.ProductPagesView.as_view()),
    re_path(r"^auth/?$", rehub.AuthView.as_view()),
    re_path(r"^rehub/product_actions/?$", rehub.ProductActionsView.as_view()),
    re_path(r"^rehub/stores/?$", rehub.RehubStoresView.as_view()),
    re_path(r"^sync_errors/products/?$", sync_errors.ProductErrorsView.as_view()),
    re_path(r"^webhooks/?$", webhooks.WebhooksView.as_view()),
    re_path(_WEBHOOK + r"/?$", webhooks.WebhookView.as_view()),
    re_path(_WEBHOOK + r"/test/?$", webhooks.TestView.as_view()),
    re_path(_WEBHOOK + r"/secret/?$", webhooks.SecretView.as_view()),
    re_path(_WEBHOOK + r"/deliveries/?$", webhooks.DeliveriesView.as_view()),
    re_path(_WEBHOOK + r"/deliveries/(?P<delivery_id>[^/]+)/replay/?$", webhooks.ReplayView.as_view()),
    re_path(_WEBHOOK + r"/deliveries/(?P<delivery_id>[^/]+)/skip/?$", webhooks.SkipView.as_view()),
]
