"""When a marketplace itself is in trouble."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from marketplaces.models.account import Lane, Marketplace


class IncidentQuerySet(models.QuerySet["Incident"]):
    """Questions about incidents."""

    def open(self) -> IncidentQuerySet:
        """Those that are not over."""
        return self.filter(closed_at__isnull=True)


class Incident(models.Model):
    """A time in which a marketplace failed for many sellers, or staff said so; its lanes were paused.

    Written by `marketplaces.incidents`, and kept as the marketplace's history.
    """

    class State(models.TextChoices):
        PAUSED = "paused", _("Paused")
        RECOVERING = "recovering", _("Coming back")
        CLOSED = "closed", _("Over")

    marketplace = models.ForeignKey(
        Marketplace, models.CASCADE, related_name="incidents", verbose_name=_("marketplace"), db_index=False
    )
    opened_at = models.DateTimeField(_("since"), default=timezone.now)
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("opened by"),
        db_index=False,
    )
    is_by_hand = models.BooleanField(_("opened by hand"), default=False)
    """Staff opened it and staff closes it: no canary is sent."""
    problem = models.CharField(_("problem"), max_length=200, blank=True)
    """What the calls met, such as `Unavailable`, most frequent first."""
    connections = models.PositiveIntegerField(_("failing accounts"), default=0)
    sellers = models.PositiveIntegerField(_("sellers concerned"), default=0)
    calling = models.PositiveIntegerField(_("accounts that called"), default=0)
    """The three figures as they were when it was opened."""
    paused_until = models.DateTimeField(null=True, blank=True, editable=False)
    """The pause this incident set on the marketplace: a longer one of staff's is not ended with it."""
    canary = models.ForeignKey(
        Lane, models.SET_NULL, null=True, blank=True, related_name="+", editable=False, db_index=False
    )
    """The lane let through last, to see whether the marketplace is back."""
    canary_at = models.DateTimeField(_("last canary"), null=True, blank=True, editable=False)
    canaries = models.PositiveIntegerField(_("canaries"), default=0)
    relapses = models.PositiveIntegerField(_("relapses"), default=0)
    """How often it failed again while coming back."""
    recovered_at = models.DateTimeField(_("answering again"), null=True, blank=True)
    closed_at = models.DateTimeField(_("over"), null=True, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("closed by"),
        db_index=False,
    )
    muted_at = models.DateTimeField(_("muted"), null=True, blank=True)
    """Since when sellers are not told of it."""

    objects = IncidentQuerySet.as_manager()

    class Meta:
        verbose_name = _("incident")
        verbose_name_plural = _("incidents")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["marketplace"],
                condition=Q(closed_at__isnull=True),
                name="marketplaces_incident_one_open",
                violation_error_message=_("This marketplace already has an open incident."),
            ),
        ]
        # incidents.detect: when a marketplace's last one was over; its history.
        indexes = [models.Index(F("marketplace"), F("id").desc(), name="marketplaces_incident_newest")]

    def __str__(self) -> str:
        return f"{self.marketplace_id} {self.opened_at:%Y-%m-%d %H:%M}"

    @property
    def state(self) -> str:
        """Where it stands."""
        if self.closed_at:
            return self.State.CLOSED
        return self.State.RECOVERING if self.recovered_at else self.State.PAUSED

    @property
    def duration(self) -> timedelta:
        """How long the marketplace was away: until it answered again, was closed, or until now."""
        ended: datetime = self.recovered_at or self.closed_at or timezone.now()
        return ended - self.opened_at
