"""Addresses of the order API, each with or without a slash at its end."""

from __future__ import annotations

from django.urls import re_path

from orders import api, questions, queue_api, status_api, sync_errors
from orders.freight import api as freight
from orders.shipping import api as shipping

_ORDER = r"^orders/(?P<code>[^/]+)"

urlpatterns = [
    re_path(r"^queues/orders/?$", queue_api.QueueView.as_view()),
    re_path(r"^queues/orders/lease/?$", queue_api.LeaseView.as_view()),
    re_path(r"^queues/orders/acknowledge/?$", queue_api.AcknowledgeView.as_view()),
    re_path(r"^queues/orders/extend/?$", queue_api.ExtendView.as_view()),
    re_path(r"^queues/orders/failures/?$", queue_api.FailuresView.as_view()),
    re_path(r"^queues/orders/replay/?$", queue_api.ReplayView.as_view()),
    re_path(r"^queues/orders/summary/?$", queue_api.SummaryView.as_view()),
    re_path(r"^queues/orders/(?P<code>[^/]+)/?$", queue_api.EntryView.as_view()),
    re_path(r"^orders/?$", api.OrdersView.as_view()),
    re_path(_ORDER + r"/approval/?$", api.ApprovalView.as_view()),
    re_path(_ORDER + r"/invoice/?$", api.InvoiceView.as_view()),
    re_path(_ORDER + r"/shipments/?$", api.ShipmentsView.as_view()),
    re_path(_ORDER + r"/delivery/?$", api.DeliveryView.as_view()),
    re_path(_ORDER + r"/cancel/?$", api.CancelView.as_view()),
    re_path(_ORDER + r"/shipment_exception/?$", api.ShipmentExceptionView.as_view()),
    re_path(_ORDER + r"/exported/?$", api.ExportedView.as_view()),
    re_path(_ORDER + r"/shipment_labels/?$", shipping.OrderLabelsView.as_view()),
    re_path(_ORDER + r"/?$", api.OrderView.as_view()),
    re_path(r"^statuses/?$", status_api.StatusesView.as_view()),
    re_path(r"^statuses/(?P<code>.+?)/?$", status_api.StatusView.as_view()),
    re_path(r"^status_types/?$", status_api.StatusTypesView.as_view()),
    re_path(r"^sale_systems/?$", status_api.SaleSystemsView.as_view()),
    re_path(r"^shipments/b2w/?$", shipping.PlpsView.as_view()),
    re_path(r"^shipments/b2w/to_group/?$", shipping.ToGroupView.as_view()),
    re_path(r"^shipments/b2w/view/?$", shipping.PlpPaperView.as_view()),
    re_path(r"^shipments/b2w/collectables/?$", shipping.CollectablesView.as_view()),
    re_path(r"^shipments/b2w/confirm_collection/?$", shipping.ConfirmCollectionView.as_view()),
    re_path(r"^shipments/b2w/(?P<code>[^/]+)/?$", shipping.PlpView.as_view()),
    re_path(r"^freights/?$", freight.FreightsView.as_view()),
    re_path(r"^freights/quote/?$", freight.QuoteView.as_view()),
    re_path(r"^freights/contingency/?$", freight.RatesView.as_view()),
    re_path(r"^freights/contingency/(?P<number>[^/]+)/?$", freight.RateView.as_view()),
    re_path(r"^questions/?$", questions.QuestionsView.as_view()),
    re_path(r"^questions/(?P<number>[^/]+)/?$", questions.QuestionView.as_view()),
    re_path(r"^questions/(?P<number>[^/]+)/answer/?$", questions.AnswerView.as_view()),
    re_path(r"^sync_errors/orders/?$", sync_errors.OrderErrorsView.as_view()),
    re_path(r"^sync_errors/categories/?$", sync_errors.CategoriesView.as_view()),
    re_path(r"^sync_errors/categories/(?P<code>[^/]+)/?$", sync_errors.CategoryView.as_view()),
]
