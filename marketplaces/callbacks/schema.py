"""The shapes of /webhooks, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers as s

from marketplaces.callbacks.models import Delivery, Event
from marketplaces.callbacks.services import SUBSCRIBABLE


def _moment() -> s.DateTimeField:
    return s.DateTimeField(allow_null=True)


def _events(**options: Any) -> s.ListField:
    return s.ListField(child=s.ChoiceField([(one, one) for one in SUBSCRIBABLE]), **options)


class NewWebhookBody(s.Serializer[Any]):
    class NewWebhook(s.Serializer[Any]):
        url = s.URLField(max_length=500, help_text="https.")
        events = _events(min_length=1)
        active = s.BooleanField(required=False, default=True)

    webhook = NewWebhook()


class WebhookChangeBody(s.Serializer[Any]):
    class WebhookChange(s.Serializer[Any]):
        url = s.URLField(max_length=500, required=False)
        events = _events(min_length=1, required=False)
        active = s.BooleanField(required=False)

    webhook = WebhookChange()


class Webhook(s.Serializer[Any]):
    id = s.UUIDField()
    url = s.URLField()
    events = _events()
    active = s.BooleanField()
    created_at = s.DateTimeField()
    failures = s.IntegerField(help_text="In a row, of the call now in line; 0 when all is well.")
    failing_since = _moment()
    next_try_at = _moment()


class WebhookWithSecret(Webhook):
    secret = s.CharField(help_text="Keep it: it is shown only in this answer.")


class NewSecret(s.Serializer[Any]):
    secret = s.CharField(help_text="Keep it: it is shown only in this answer.")
    old_secret_until = s.DateTimeField()


class Webhooks(s.Serializer[Any]):
    webhooks = Webhook(many=True)


class WebhookBody(s.Serializer[Any]):
    """What the ERP gets."""

    event = s.ChoiceField([(one, one) for one in Event.values])
    id = s.UUIDField(help_text="The same each time; also the header X-Hub-Delivery.")
    at = s.DateTimeField(help_text="When it happened.")
    seller = s.IntegerField(help_text="The seller's number at the hub.")
    data = s.DictField(  # type: ignore[assignment]  # DRF's own attribute of serializers has this name
        help_text="Of an order its code, channel, status and status_type; of a load its number, connection, "
        "action, total and items by state; of issues a list of them; of a connection its name. Codes and "
        "states only, never a person's data."
    )


class WebhookCall(s.Serializer[Any]):
    id = s.UUIDField(help_text="Also the header X-Hub-Delivery.")
    event = s.ChoiceField([(one, one) for one in Event.values])
    state = s.ChoiceField([(one, one) for one in Delivery.State.values])
    created_at = s.DateTimeField()
    attempts = s.IntegerField()
    last_try_at = _moment()
    delivered_at = _moment()
    stepped_aside_until = s.DateTimeField(
        allow_null=True, help_text="Set while it is repeated on its own and holds up nothing."
    )
    status = s.IntegerField(allow_null=True, help_text="The HTTP status of the last answer.")
    answer = s.CharField(allow_null=True)
    problem = s.CharField(allow_null=True)
    milliseconds = s.IntegerField(allow_null=True)
    body = WebhookBody()


class WebhookCalls(s.Serializer[Any]):
    deliveries = WebhookCall(many=True)
    next = s.CharField(allow_null=True)
