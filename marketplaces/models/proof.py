"""What can be proven of the sync: each value's way to the marketplace, and how long values took."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from marketplaces.contract import Facet
from marketplaces.models.account import Connection
from marketplaces.models.listing import Listing

KEPT = 8
"""Passages kept of each facet of a listing; the oldest gives its place to the newest."""


class Passage(models.Model):
    """One value's way to the marketplace: received, queued, sent, settled, seen, and what became of it.

    A ring of `KEPT` rows per listing and facet: the table cannot outgrow the listings. Only the
    worker of a lane (and the seller, freezing) writes here, in the statement that settles the value.
    """

    class Outcome(models.TextChoices):
        CONFIRMED = "confirmed", _("Confirmed")
        STEP = "step", _("Confirmed, a step on the way")
        REFUSED = "refused", _("Refused")
        HELD = "held", _("Held back, not sent")
        UNCHANGED = "unchanged", _("Not sent: it was there already")
        UNANSWERED = "unanswered", _("Sent without an answer, replaced by a newer value")
        OUTSIDE = "outside", _("Changed at the marketplace")
        FROZEN = "frozen", _("Frozen")
        UNFROZEN = "unfrozen", _("Released")

    pk = models.CompositePrimaryKey("listing_id", "facet", "slot")
    listing = models.ForeignKey(Listing, models.CASCADE, related_name="+", db_index=False)
    facet = models.CharField(max_length=7, choices=[(one.value, one.value) for one in Facet])
    slot = models.PositiveSmallIntegerField()
    version = models.PositiveIntegerField()
    value = models.TextField(blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome)
    why = models.CharField(max_length=20, blank=True)
    """What asked for it when the catalogue did not: see `Sync.why`."""
    cause = models.TextField(blank=True, db_default="")
    """Who exactly: the person, or the API call."""
    skipped = models.PositiveIntegerField(default=0)
    """Earlier values this one replaced before they were sent."""
    received_at = models.DateTimeField(null=True, blank=True)
    queued_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField()
    seen_at = models.DateTimeField(null=True, blank=True)
    """When the read-back first saw the value there."""

    class Meta:
        verbose_name = _("passage")
        verbose_name_plural = _("passages")
        constraints = [
            models.CheckConstraint(
                condition=Q(facet__in=["content", "price", "stock"]), name="marketplaces_passage_facet_known"
            ),
            models.CheckConstraint(
                condition=Q(slot__gte=0, slot__lt=KEPT), name="marketplaces_passage_ring_is_bounded"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.listing_id}/{self.facet} v{self.version}: {self.outcome}"

    @property
    def is_of_a_person(self) -> bool:
        """True where `cause` is a person, who froze or released it, and not a call of the ERP."""
        return self.outcome in (self.Outcome.FROZEN, self.Outcome.UNFROZEN)

    @property
    def asked_by(self) -> str | None:
        """What asked for the value; None where the passage is no value's way to the marketplace."""
        return None if self.received_at is None else self.why or "catalogue"


class Lag(models.Model):
    """How many values of a connection and facet took about how long from received to confirmed, per hour.

    A histogram: `bucket` counts in `marketplaces.lag.BOUNDS`. A few rows an hour, however many values.
    """

    pk = models.CompositePrimaryKey("connection_id", "facet", "hour", "bucket")
    connection = models.ForeignKey(Connection, models.CASCADE, related_name="+", db_index=False)
    facet = models.CharField(max_length=7, choices=[(one.value, one.value) for one in Facet])
    hour = models.DateTimeField()
    bucket = models.PositiveSmallIntegerField()
    samples = models.PositiveIntegerField()
    longest = models.FloatField()
    """The slowest of them, in seconds."""

    class Meta:
        verbose_name = _("lag")
        verbose_name_plural = _("lags")
        # The daily clean-up of old hours.
        indexes = [models.Index(fields=["hour"], name="marketplaces_lag_hour")]

    def __str__(self) -> str:
        return f"{self.connection_id}/{self.facet} {self.hour}: {self.samples}"
