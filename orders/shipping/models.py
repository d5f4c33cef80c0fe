"""Lists of parcels for the marketplace's carrier."""

from __future__ import annotations

from datetime import date, timedelta

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from hub.models import Seller

VALID_DAYS = 7


def expiry() -> date:
    """Return the last day on which the carrier takes a list made today."""
    return timezone.localdate() + timedelta(days=VALID_DAYS)


class Plp(models.Model):
    """A list of parcels handed to one carrier together (pré-lista de postagem)."""

    class Type(models.TextChoices):
        """Who carries, by the names SkyHub gave them."""

        CORREIOS = "CORREIOS", _("Correios: the seller posts")
        DIRECT = "DIRECT", _("Direct: the carrier picks up")

    seller = models.ForeignKey(Seller, models.CASCADE, related_name="plps", verbose_name=_("seller"))
    type = models.CharField(_("carrier"), max_length=8, choices=Type)
    created_at = models.DateTimeField(_("grouped"), default=timezone.now)
    expires_on = models.DateField(_("valid until"), default=expiry)
    printed_at = models.DateTimeField(_("printed"), null=True, blank=True)

    class Meta:
        verbose_name = _("posting list")
        verbose_name_plural = _("posting lists")
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                condition=Q(type__in=["CORREIOS", "DIRECT"]), name="orders_plp_type_known"
            ),
            models.UniqueConstraint(fields=["seller", "id"], name="orders_plp_of_seller"),
        ]
        # GET /shipments/b2w: one seller's lists, newest first.
        indexes = [models.Index(F("seller"), F("id").desc(), name="orders_plp_newest")]

    def __str__(self) -> str:
        return f"PLP {self.pk}"


class PlpOrder(models.Model):
    """An order's place in a list; an order is in one list at a time."""

    order = models.OneToOneField("orders.Order", models.CASCADE, primary_key=True, related_name="plp_entry")
    plp = models.ForeignKey(Plp, models.CASCADE, related_name="entries", verbose_name=_("posting list"))
    seller = models.ForeignKey(Seller, models.CASCADE, related_name="+", db_index=False)
    pickup_requested_at = models.DateTimeField(_("pick-up requested"), null=True, blank=True)

    class Meta:
        verbose_name = _("order in a posting list")
        verbose_name_plural = _("orders in posting lists")
        ordering = ("order",)

    def __str__(self) -> str:
        return f"{self.plp_id}: {self.order_id}"
