"""What is sold already and still in the ERP's quantity."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Greatest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from catalog.models import Variation
from hub.models import Seller
from marketplaces.models.account import Connection


class Hold(models.Model):
    """Units of one variation that one order takes, held back until the ERP's quantity accounts for them.

    Triggers keep the rows in step with orders and queue (`orders` migrations 0010, 0011, 0014) and with the
    ERP's quantities (`marketplaces` migration 0007), and mark the listings whenever `held` moves. Which
    quantity accounts for which order: docs/sync.md.
    """

    seller = models.ForeignKey(Seller, models.CASCADE, related_name="+", db_index=False)
    variation = models.ForeignKey(
        Variation, models.CASCADE, related_name="+", db_index=False, verbose_name=_("SKU")
    )
    connection = models.ForeignKey(
        Connection,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("sold on"),
    )
    """Where it was sold; none for a test account's own orders."""
    order_code = models.CharField(_("order"), max_length=200)
    placed_at = models.DateTimeField(_("placed"))
    quantity = models.IntegerField(_("units sold"))
    """What the order takes now: nothing once it is canceled."""
    version = models.IntegerField(default=1)
    """The version of the order's queue entry from which on the ERP is told of this quantity."""
    given = models.IntegerField(default=0, db_default=0)
    """Units in an order the queue handed to the ERP, acknowledged or not."""
    taken = models.IntegerField(default=0, db_default=0)
    """Units in an order the ERP acknowledged."""
    taken_at = models.DateTimeField(_("taken by the ERP"), null=True, blank=True)
    accounted = models.IntegerField(default=0, db_default=0)
    """Units the ERP's quantity accounts for."""
    accounted_at = models.DateTimeField(_("accounted for"), null=True, blank=True)
    released = models.IntegerField(default=0, db_default=0)
    """Units a person let go."""
    released_at = models.DateTimeField(_("let go"), null=True, blank=True)
    released_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("let go by"),
    )
    held = models.GeneratedField(
        expression=Greatest(Value(0), F("quantity") - Greatest(F("accounted"), F("released"))),
        output_field=models.IntegerField(),
        db_persist=True,
        verbose_name=_("units held"),
    )
    created_at = models.DateTimeField(_("since"), default=timezone.now)

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        ordering = ("-id",)
        constraints = [
            # Also the deletion of a variation, which takes its holds along.
            models.UniqueConstraint(
                fields=["variation", "order_code"], name="marketplaces_hold_once_per_order"
            ),
            models.CheckConstraint(
                condition=Q(
                    quantity__gte=0, taken__gte=0, accounted__gte=0, released__gte=0, given__gte=F("taken")
                ),
                name="marketplaces_hold_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(released=0) | Q(released_at__isnull=False),
                name="marketplaces_hold_released_has_a_time",
            ),
        ]
        indexes = [
            # The view marketplaces_offer: what is held of a variation; the marks: what a figure accounts for.
            models.Index(
                fields=["variation"],
                name="marketplaces_hold_of_variation",
                condition=Q(held__gt=0) | Q(given__gt=F("accounted")),
            ),
            # The triggers of an order: its holds.
            models.Index(fields=["seller", "order_code"], name="marketplaces_hold_of_order"),
            # The portal's list of what is held now.
            models.Index(F("seller"), F("id"), name="marketplaces_hold_open", condition=Q(held__gt=0)),
            # The marks: does a figure of this seller concern any hold?
            models.Index(
                fields=["seller"],
                name="marketplaces_hold_waiting",
                condition=Q(held__gt=0) | Q(given__gt=F("accounted")),
            ),
            # The portal's list of all.
            models.Index(F("seller"), F("id").desc(), name="marketplaces_hold_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.held} × {self.variation} · {self.order_code}"
