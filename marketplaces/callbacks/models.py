"""Where an ERP wants to be called, and every call it is owed."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from hub import vault
from hub.models import Seller


class Event(models.TextChoices):
    """What can be told."""

    ORDER_CREATED = "order.created", _("An order came in")
    ORDER_CHANGED = "order.changed", _("An order changed")
    ORDER_PARKED = "order.parked", _("An order was parked: the ERP could not take it")
    LOAD_FINISHED = "load.finished", _("A load has all its results")
    ISSUE_OPENED = "issue.opened", _("Catalogue errors were found")
    ISSUE_CLOSED = "issue.closed", _("Catalogue errors were solved")
    CONNECTION_LOST = "connection.lost", _("A connection needs new credentials")
    PING = "ping", _("Test")


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    """Questions about subscriptions."""

    def due(self, now: datetime) -> SubscriptionQuerySet:
        """Those owed a call whose time has come, and that nobody works on."""
        free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
        owed = Delivery.objects.callable(now).filter(subscription=OuterRef("pk"))
        return self.filter(free, Exists(owed), run_at__lte=now, is_active=True, seller__is_active=True)


class Subscription(models.Model):
    """An address of an ERP that wants to be called when something happens.

    Its calls go out one after the other, in the order of what happened; that is why the time of the
    next one, the failures and the lease stand here and not on the calls. Only a call that the ERP was
    able to answer, and still does not take, steps aside and has a time of its own.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    seller = models.ForeignKey(Seller, models.CASCADE, related_name="+", db_index=False)
    url = models.URLField(_("address"), max_length=500)
    events = ArrayField(models.CharField(max_length=20), verbose_name=_("events"))
    sealed_secret = models.BinaryField(default=bytes, editable=False)
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("since"), default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    run_at = models.DateTimeField(_("not before"), default=timezone.now)
    """It rests until then, after a call failed."""
    failures = models.SmallIntegerField(_("failures in a row"), default=0)
    failing_since = models.DateTimeField(_("failing since"), null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    lease_token = models.UUIDField(null=True, blank=True)
    queued_at = models.DateTimeField(null=True, blank=True)
    """When the dispatcher last asked for a worker."""

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        app_label = "marketplaces"
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(fields=["seller", "id"], name="marketplaces_subscription_of_seller"),
            models.CheckConstraint(
                condition=Q(events__len__gt=0), name="marketplaces_subscription_has_events"
            ),
            models.CheckConstraint(
                condition=Q(lease_until__isnull=True, lease_token__isnull=True)
                | Q(lease_until__isnull=False, lease_token__isnull=False),
                name="marketplaces_subscription_lease_is_whole",
            ),
        ]
        # The dispatcher's look: who may be called now. The seller's own are found by the constraint.
        indexes = [
            models.Index(fields=["run_at"], name="marketplaces_subscription_run", condition=Q(is_active=True))
        ]

    def __str__(self) -> str:
        return self.url

    @property
    def _owner(self) -> str:
        return f"marketplaces.subscription:{self.public_id}"

    def secrets(self, now: datetime) -> list[str]:
        """What calls are signed with: the secret, and the one before while it is still valid.

        Raises vault.SealBroken.
        """
        kept = self._unsealed()
        is_old_valid = "old" in kept and now < datetime.fromisoformat(kept["old_until"])
        return [kept.get("secret", ""), *([kept["old"]] if is_old_valid else [])]

    def seal_secret(self, secret: str, *, old_until: datetime | None = None) -> None:
        """Encrypt a secret into this instance, keeping the one before until then; the caller saves.

        Raises vault.SealBroken where the one before is to be kept and cannot be read.
        """
        kept = {"secret": secret}
        if old_until is not None:
            kept |= {"old": self._unsealed()["secret"], "old_until": old_until.isoformat()}
        self.sealed_secret = vault.seal(kept, owner=self._owner)

    def reseal(self) -> None:
        """Encrypt the same secrets with the newest key; the caller saves. Raises vault.SealBroken."""
        self.sealed_secret = vault.seal(self._unsealed(), owner=self._owner)

    def _unsealed(self) -> dict[str, str]:
        return vault.unseal(bytes(self.sealed_secret), owner=self._owner)


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    """Questions about calls."""

    def callable(self, now: datetime) -> DeliveryQuerySet:
        """Those that wait: in line, or aside with their time come."""
        in_time = Q(run_at__isnull=True) | Q(run_at__lte=now)
        return self.filter(in_time, state=Delivery.State.WAITING)


class Delivery(models.Model):
    """One call owed to one subscription: what happened, and how telling it went."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        DELIVERED = "delivered", _("Delivered")
        GIVEN_UP = "given_up", _("Given up")
        SKIPPED = "skipped", _("Skipped")

    public_id = models.UUIDField(db_default=RandomUUID(), unique=True, editable=False)
    """Sent as X-Hub-Delivery, the same each time, so that the ERP can tell a repetition."""
    seller = models.ForeignKey(Seller, models.CASCADE, related_name="+", db_index=False)
    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="deliveries", db_index=False)
    event = models.CharField(_("event"), max_length=20, choices=Event)
    data = models.JSONField(default=dict)
    """Codes and states only, never a person's data: an address may be mistyped."""
    created_at = models.DateTimeField(_("happened"), default=timezone.now)
    waiting_since = models.DateTimeField(default=timezone.now)
    """When it was first to be sent, or was last put back by a person: giving up counts from here."""
    run_at = models.DateTimeField(_("not before"), null=True, blank=True)
    """Set on a call that stepped aside: it is tried again then, and what happened later goes ahead of it."""
    state = models.CharField(_("state"), max_length=9, choices=State, db_default=State.WAITING)
    attempts = models.SmallIntegerField(_("attempts"), db_default=0)
    tried_at = models.DateTimeField(_("last tried"), null=True, blank=True)
    delivered_at = models.DateTimeField(_("delivered"), null=True, blank=True)
    status = models.SmallIntegerField(_("answer's status"), null=True, blank=True)
    answer = models.TextField(_("answer"), blank=True, db_default="")
    error = models.TextField(_("problem"), blank=True, db_default="")
    milliseconds = models.IntegerField(_("duration"), null=True, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        app_label = "marketplaces"
        verbose_name = _("webhook call")
        verbose_name_plural = _("webhook calls")
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "delivered", "given_up", "skipped"]),
                name="marketplaces_delivery_state_known",
            ),
            models.CheckConstraint(
                condition=Q(state="delivered", delivered_at__isnull=False)
                | ~Q(state="delivered") & Q(delivered_at__isnull=True),
                name="marketplaces_delivery_delivered_has_a_time",
            ),
        ]
        indexes = [
            # deliver.head: the next call of one subscription; and who is owed one at all.
            models.Index(
                fields=["subscription", "id"],
                name="marketplaces_delivery_waiting",
                condition=Q(state="waiting"),
            ),
            # deliver.head: a test does not wait behind what cannot be delivered.
            models.Index(
                fields=["subscription"],
                name="marketplaces_delivery_ping",
                condition=Q(state="waiting", event="ping"),
            ),
            # The log of one subscription, newest first.
            models.Index(F("subscription"), F("id").desc(), name="marketplaces_delivery_newest"),
            # deliver.forget_old.
            models.Index(
                fields=["created_at"], name="marketplaces_delivery_over", condition=~Q(state="waiting")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.public_id}"

    @property
    def body(self) -> dict[str, Any]:
        """What is sent."""
        return {
            "event": self.event,
            "id": str(self.public_id),
            "at": timezone.localtime(self.created_at).isoformat(timespec="milliseconds"),
            "seller": self.seller_id,
            "data": self.data,
        }
