"""Loads: the numbered sets of listings sent in one action, and the remote batches they became."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from hub.models import Seller
from marketplaces.models.account import Connection


class Load(models.Model):
    """A numbered set of listings sent in one action (carga), with a result per item."""

    class Action(models.TextChoices):
        CONNECT = "connect", _("Connect")
        ASSOCIATE = "associate", _("Associate")
        DISCONNECT = "disconnect", _("Disconnect")
        RECONNECT = "reconnect", _("Reconnect")

    class State(models.TextChoices):
        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Processing")
        DONE = "done", _("Finished")

    class Origin(models.TextChoices):
        PORTAL = "portal", _("Portal")
        API = "api", _("API")
        AUTOMATIC = "automatic", _("Automatic")

    seller = models.ForeignKey(Seller, models.CASCADE, related_name="loads", verbose_name=_("seller"))
    connection = models.ForeignKey(
        Connection, models.CASCADE, related_name="loads", verbose_name=_("connection")
    )
    number = models.PositiveIntegerField(_("number"))
    """Counts from 1 for each seller; what people call the load."""
    action = models.CharField(_("action"), max_length=10, choices=Action)
    origin = models.CharField(_("started by"), max_length=9, choices=Origin, default=Origin.PORTAL)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("person"),
    )
    state = models.CharField(_("state"), max_length=7, choices=State, default=State.QUEUED)
    total = models.PositiveIntegerField(_("items"), default=0)
    created_at = models.DateTimeField(_("started"), default=timezone.now)
    first_sent_at = models.DateTimeField(_("first item sent"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        verbose_name = _("load")
        verbose_name_plural = _("loads")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=["seller", "number"], name="marketplaces_load_number_once"),
            models.CheckConstraint(
                condition=Q(state__in=["queued", "running", "done"]), name="marketplaces_load_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state="done", finished_at__isnull=False)
                | ~Q(state="done") & Q(finished_at__isnull=True),
                name="marketplaces_load_done_has_a_time",
            ),
        ]
        indexes = [
            # The portal's list of loads, newest first.
            models.Index(F("seller"), F("id").desc(), name="marketplaces_load_newest"),
        ]

    def __str__(self) -> str:
        return str(_("Load %(number)s") % {"number": self.number})


class LoadItem(models.Model):
    """One listing in one load, and what came of it."""

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        PROCESSING = "processing", _("Processing")
        CATALOGUING = "cataloguing", _("Waiting for cataloguing")
        DONE = "done", _("Done")
        ERROR = "error", _("Error")
        REPLACED = "replaced", _("Replaced by a newer load")

    OPEN = (State.WAITING, State.PROCESSING, State.CATALOGUING)

    seller = models.ForeignKey(Seller, models.CASCADE, related_name="+", db_index=False)
    load = models.ForeignKey(Load, models.CASCADE, related_name="items", db_index=False)
    listing = models.ForeignKey("marketplaces.Listing", models.SET_NULL, null=True, related_name="load_items")
    sku = models.CharField(_("SKU"), max_length=100)
    state = models.CharField(_("result"), max_length=11, choices=State, default=State.WAITING)
    updated_at = models.DateTimeField(_("updated"), default=timezone.now)

    class Meta:
        verbose_name = _("load item")
        verbose_name_plural = _("load items")
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(fields=["load", "listing"], name="marketplaces_loaditem_once"),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "processing", "cataloguing", "done", "error", "replaced"]),
                name="marketplaces_loaditem_state_known",
            ),
        ]
        indexes = [
            # The load page: counts per state, and the items of one state in order.
            models.Index(fields=["load", "state", "id"], name="marketplaces_loaditem_by_state"),
        ]

    def __str__(self) -> str:
        return self.sku


class Submission(models.Model):
    """One remote batch (envio) whose results must be asked for: a feed, an import, or one call."""

    class State(models.TextChoices):
        SENT = "sent", _("Waiting for the marketplace")
        DONE = "done", _("Answered")
        LOST = "lost", _("Unknown to the marketplace")

    seller = models.ForeignKey(Seller, models.CASCADE, related_name="+", db_index=False)
    connection = models.ForeignKey(
        Connection, models.CASCADE, related_name="submissions", verbose_name=_("connection")
    )
    facet = models.CharField(max_length=7)
    remote_id = models.CharField(_("code at the marketplace"), max_length=100)
    state = models.CharField(_("state"), max_length=4, choices=State, default=State.SENT)
    items = models.PositiveIntegerField(_("items"), default=0)
    polls = models.PositiveIntegerField(_("times asked"), default=0)
    next_poll_at = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(_("sent"), default=timezone.now)
    finished_at = models.DateTimeField(_("answered"), null=True, blank=True)

    class Meta:
        verbose_name = _("submission")
        verbose_name_plural = _("submissions")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=["connection", "remote_id"], name="marketplaces_submission_once"),
            models.CheckConstraint(
                condition=Q(state__in=["sent", "done", "lost"]), name="marketplaces_submission_state_known"
            ),
        ]
        indexes = [
            # The submissions lane: what to ask about next.
            models.Index(
                fields=["connection", "next_poll_at"],
                name="marketplaces_submission_open",
                condition=Q(state="sent"),
            ),
        ]

    def __str__(self) -> str:
        return self.remote_id
