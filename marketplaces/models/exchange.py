"""The record of what was said to marketplaces and what they answered."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from hub.models import Seller
from marketplaces.models.account import Connection


class Exchange(models.Model):
    """One HTTP conversation with a marketplace, secrets removed and bodies trimmed.

    Kept for HUB_EXCHANGE_DAYS days.
    """

    seller = models.ForeignKey(Seller, models.CASCADE, related_name="+", db_index=False)
    connection = models.ForeignKey(
        Connection, models.CASCADE, related_name="exchanges", db_index=False, verbose_name=_("connection")
    )
    lane = models.CharField(_("lane"), max_length=12)
    method = models.CharField(_("method"), max_length=8)
    url = models.TextField(_("address"))
    status = models.PositiveSmallIntegerField(_("status"))
    """0 when no answer came."""
    started_at = models.DateTimeField(_("when"))
    milliseconds = models.PositiveIntegerField(_("milliseconds"))
    request_body = models.TextField(_("request"), blank=True)
    response_body = models.TextField(_("answer"), blank=True)
    error = models.TextField(_("problem"), blank=True)
    skus = ArrayField(models.TextField(), verbose_name=_("SKUs"), blank=True, default=list, db_default=[])
    """What it was about, in the order sent."""
    causes = ArrayField(
        models.CharField(max_length=64),
        verbose_name=_("calls of the ERP"),
        blank=True,
        default=list,
        db_default=[],
    )
    """The numbers of the ERP's calls whose changes it carried, each once: a batch may carry many."""

    class Meta:
        verbose_name = _("exchange")
        verbose_name_plural = _("exchanges")
        ordering = ("-id",)
        indexes = [
            # The exchange viewer of one seller, newest first, and of one connection.
            models.Index(F("seller"), F("id").desc(), name="marketplaces_exchange_newest"),
            models.Index(F("connection"), F("id").desc(), name="marketplaces_exchange_of_conn"),
            # The daily clean-up.
            models.Index(fields=["started_at"], name="marketplaces_exchange_age"),
            # The search box: what was said about a SKU, or because of one call of the ERP.
            GinIndex(fields=["skus", "causes"], name="marketplaces_exchange_about"),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.url} {self.status}"
