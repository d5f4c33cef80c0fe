"""/webhooks: where the ERP wants to be called, what for, and how the calls went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import values
from hub.api.parsing import unwrap
from hub.api.schema import errors, nothing
from hub.api.shapes import WALK
from hub.api.times import moment
from hub.api.views import SellerView, done
from hub.refusals import Incomplete, Refusal, Unknown, required_fields
from marketplaces.api.views import WalkedView, one_of
from marketplaces.callbacks import schema, services
from marketplaces.callbacks.models import Delivery, Subscription

ID = OpenApiParameter("id", UUID, OpenApiParameter.PATH)
DELIVERY_ID = OpenApiParameter("delivery_id", UUID, OpenApiParameter.PATH)
URL = values.text(500)

CALLED = (
    "Each call is a POST with the headers X-Hub-Event, X-Hub-Delivery and X-Hub-Signature: "
    "`t=<seconds>,v1=<HMAC-SHA256, hex, of t, a point and the body, keyed by the secret>`; for a day after "
    "a new secret was made there are two v1, and either proves the call. Any 2xx within 8 seconds takes "
    "it. Else it is repeated after 10 s, 1 min, 5 min, 30 min, 2 h, 6 h and then every 12 h, and given up "
    "after 3 days. Without an answer, or with 401, 403, 405, 429, 502, 503 or 504, what happened later "
    "waits behind it (`Retry-After` is respected). A call that is answered 400, 409, 413, 415 or 422, or "
    "three times with anything else, steps aside: it is repeated all the same, and what happened later "
    "goes ahead of it. 410 switches the webhook off. A call can come twice: its X-Hub-Delivery is then "
    "the same."
)


def show(row: Subscription) -> dict[str, Any]:
    """A subscription as the API shows it, without its secret."""
    return {
        "id": str(row.public_id),
        "url": row.url,
        "events": row.events,
        "active": row.is_active,
        "created_at": moment(row.created_at),
        "failures": row.failures,
        "failing_since": moment(row.failing_since),
        "next_try_at": moment(row.run_at) if row.failures else None,
    }


def show_deliveries(page: Sequence[Delivery]) -> list[dict[str, Any]]:
    """Calls as the API shows them."""
    return [
        {
            "id": str(one.public_id),
            "event": one.event,
            "state": one.state,
            "created_at": moment(one.created_at),
            "attempts": one.attempts,
            "last_try_at": moment(one.tried_at),
            "delivered_at": moment(one.delivered_at),
            "stepped_aside_until": moment(one.run_at),
            "status": one.status,
            "answer": one.answer or None,
            "problem": one.error or None,
            "milliseconds": one.milliseconds,
            "body": one.body,
        }
        for one in page
    ]


def as_uuid(text: str) -> UUID:
    """Read an id from an address; what is no id at all is the one nobody has."""
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)


def webhook_of(seller_id: int, public_id: str) -> Subscription:
    """Return the seller's webhook of this id; raises Unknown."""
    row = Subscription.objects.filter(seller_id=seller_id, public_id=as_uuid(public_id)).first()
    if row is None:
        raise Unknown(_("There is no such webhook."))
    return row


class WebhooksView(SellerView):
    """The addresses the hub calls."""

    @extend_schema(
        operation_id="webhooks_list",
        summary="List webhooks",
        responses={200: schema.Webhooks, **errors()},
    )
    def get(self, request: Request) -> Response:
        """List all; a seller has few."""
        rows = Subscription.objects.filter(seller_id=self.seller_id).order_by("id")
        return Response({"webhooks": [show(one) for one in rows]})

    @extend_schema(
        operation_id="webhooks_create",
        summary="Be called when something happens",
        description=f"The answer holds the secret, this one time. {CALLED}",
        request=schema.NewWebhookBody,
        responses={201: schema.WebhookWithSecret, **errors(400, 422)},
    )
    def post(self, request: Request) -> Response:
        """Add an address."""
        said = unwrap(request.data, "webhook", bare=("url", "events"))
        missing = [name for name in ("url", "events") if not said.get(name)]
        if missing:
            raise Incomplete(required_fields(missing))
        given = read(said)
        row, secret = services.subscribe(
            self.seller,
            url=given["url"],
            events=given["events"],
            is_active=given.get("is_active", True),
        )
        return Response({**show(row), "secret": secret}, status=201)


class WebhookView(SellerView):
    """One address."""

    @extend_schema(
        operation_id="webhooks_update",
        summary="Change a webhook",
        description="What is not sent stays. What waits is tried at once.",
        parameters=[ID],
        request=schema.WebhookChangeBody,
        responses={200: schema.Webhook, **errors(400, 404, 422)},
    )
    def put(self, request: Request, id: str) -> Response:
        """Change address, events, or whether it is called."""
        row = webhook_of(self.seller_id, id)
        services.change(row, **read(unwrap(request.data, "webhook", bare=("url", "events", "active"))))
        return Response(show(row))

    @extend_schema(
        operation_id="webhooks_delete",
        summary="Delete a webhook",
        description="What waits to be told is forgotten.",
        parameters=[ID],
        responses={**nothing(204), **errors(404)},
    )
    def delete(self, request: Request, id: str) -> HttpResponse:
        """Forget an address and its calls."""
        webhook_of(self.seller_id, id).delete()
        return done(204)


class TestView(SellerView):
    """Trying an address out."""

    @extend_schema(
        operation_id="webhooks_test",
        summary="Send a test call",
        description="Tried once, at once. Read its result among the deliveries.",
        parameters=[ID],
        request=None,
        responses={202: schema.WebhookCall, **errors(404, 422)},
    )
    def post(self, request: Request, id: str) -> Response:
        """Owe a ping."""
        delivery = services.ping(webhook_of(self.seller_id, id))
        return Response(show_deliveries([delivery])[0], status=202)


class SecretView(SellerView):
    """What calls are signed with."""

    @extend_schema(
        operation_id="webhooks_secret",
        summary="Make a new secret",
        description="The answer holds it, this one time. Until `old_secret_until`, a day later, calls carry "
        "a signature by each of the two, so that no call is lost while the ERP learns the new one.",
        parameters=[ID],
        request=None,
        responses={200: schema.NewSecret, **errors(404, 422)},
    )
    def post(self, request: Request, id: str) -> Response:
        """Make a new secret."""
        secret, old_until = services.rotate_secret(webhook_of(self.seller_id, id))
        return Response({"secret": secret, "old_secret_until": moment(old_until)})


class DeliveriesView(WalkedView):
    """How the calls to one address went."""

    filters = ("state",)

    @extend_schema(
        operation_id="webhooks_deliveries",
        summary="List a webhook's calls",
        parameters=[ID, OpenApiParameter("state", str, enum=Delivery.State.values), *WALK],
        responses={200: schema.WebhookCalls, **errors(400, 404)},
    )
    def get(self, request: Request, id: str) -> Response:
        """List calls, newest first."""
        row = webhook_of(self.seller_id, id)

        def narrow(given: dict[str, str]) -> QuerySet[Delivery]:
            rows = Delivery.objects.filter(seller_id=self.seller_id, subscription=row)
            if "state" in given:
                rows = rows.filter(state=one_of("state", given["state"], Delivery.State.values))
            return rows

        return self.walk(request, "deliveries", narrow, show_deliveries)


class DeliveryView(SellerView):
    """One call to one address."""

    def delivery(self, id: str, delivery_id: str) -> Delivery:
        """Return the seller's call of these ids; raises Unknown."""
        rows = Delivery.objects.select_related("subscription").filter(seller_id=self.seller_id)
        found = rows.filter(
            subscription=webhook_of(self.seller_id, id), public_id=as_uuid(delivery_id)
        ).first()
        if found is None:
            raise Unknown(_("There is no such call."))
        return found

    @staticmethod
    def shown(delivery: Delivery, status: int) -> Response:
        """Answer how the call now stands."""
        delivery.refresh_from_db()
        return Response(show_deliveries([delivery])[0], status=status)


class ReplayView(DeliveryView):
    """Telling something once more."""

    @extend_schema(
        operation_id="webhooks_replay",
        summary="Make a call again",
        description="Whatever became of it, under the same id; ahead of what happened later.",
        parameters=[ID, DELIVERY_ID],
        request=None,
        responses={202: schema.WebhookCall, **errors(404)},
    )
    def post(self, request: Request, id: str, delivery_id: str) -> Response:
        """Owe a call again."""
        delivery = self.delivery(id, delivery_id)
        services.replay(delivery)
        return self.shown(delivery, 202)


class SkipView(DeliveryView):
    """Not telling something."""

    @extend_schema(
        operation_id="webhooks_skip",
        summary="Skip a call that waits",
        description="It is not made any more, and what happened later goes on at once. It can be replayed.",
        parameters=[ID, DELIVERY_ID],
        request=None,
        responses={200: schema.WebhookCall, **errors(404, 422)},
    )
    def post(self, request: Request, id: str, delivery_id: str) -> Response:
        """Skip a call."""
        delivery = self.delivery(id, delivery_id)
        services.skip(delivery)
        return self.shown(delivery, 200)


def read(said: dict[str, Any]) -> dict[str, Any]:
    """Read what was said of a webhook; what was not said is not in the result. Raises Refusal."""
    given: dict[str, Any] = {}
    if "url" in said:
        given["url"] = URL.read("url", said["url"])
    if "events" in said:
        events = values.items("events", said["events"])
        if not all(isinstance(one, str) for one in events):
            raise Refusal(_("%(field)s: send a text.") % {"field": "events"})
        given["events"] = events
    if "active" in said:
        if not isinstance(said["active"], bool):
            raise Refusal(_("%(field)s: send true or false.") % {"field": "active"})
        given["is_active"] = said["active"]
    return given
