"""Addresses of the order API, each with or without a slash at its end."""

from __future__ import annotations

from django.urls import re_path

from orders import api, status_api, sync_errors

_ORDER = r"^orders/(?P<code>[^/]+)"

urlpatterns = [
    re_path(r"^orders/?$", api.OrdersView.as_view()),
    re_path(_ORDER + r"/approval/?$", api.ApprovalView.as_view()),
    re_path(_ORDER + r"/invoice/?$", api.InvoiceView.as_view()),
    re_path(_ORDER + r"/shipments/?$", api.ShipmentsView.as_view()),
    re_path(_ORDER + r"/delivery/?$", api.DeliveryView.as_view()),
    re_path(_ORDER + r"/cancel/?$", api.CancelView.as_view()),
    re_path(_ORDER + r"/shipment_exception/?$", api.ShipmentExceptionView.as_view()),
    re_path(_ORDER + r"/exported/?$", api.ExportedView.as_view()),
    re_path(_ORDER + r"/?$", api.OrderView.as_view()),
    re_path(r"^queues/orders/?$", api.QueueView.as_view()),
    re_path(r"^queues/orders/lease/?$", api.QueueLeaseView.as_view()),
    re_path(r"^queues/orders/acknowledge/?$", api.QueueAcknowledgeView.as_view()),
    re_path(r"^queues/orders/(?P<code>[^/]+)/?$", api.QueueEntryView.as_view()),
    re_path(r"^statuses/?$", status_api.StatusesView.as_view()),
    re_path(r"^statuses/(?P<code>[^/]+)/?$", status_api.StatusView.as_view()),
    re_path(r"^status_types/?$", status_api.StatusTypesView.as_view()),
    re_path(r"^sale_systems/?$", status_api.SaleSystemsView.as_view()),
    re_path(r"^sync_errors/orders/?$", sync_errors.OrderErrorsView.as_view()),
    re_path(r"^sync_errors/categories/?$", sync_errors.CategoriesView.as_view()),
    re_path(r"^sync_errors/categories/(?P<code>[^/]+)/?$", sync_errors.CategoryView.as_view()),
]
