"""Price rules, version by version, and the prices the guard keeps back."""

from __future__ import annotations

from functools import lru_cache

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from hub.models import Seller
from marketplaces import pricing
from marketplaces.models.account import Connection
from marketplaces.models.listing import Listing


class PriceRules(models.Model):
    """One version of a connection's price rules; the one with the highest number is in force.

    A version never changes once it is written: the database refuses it. Rolling back writes a new
    version that says what an older one said.
    """

    seller = models.ForeignKey(Seller, models.CASCADE, related_name="+", db_index=False)
    connection = models.ForeignKey(
        Connection, models.CASCADE, related_name="price_rules", db_index=False, verbose_name=_("connection")
    )
    number = models.PositiveIntegerField(_("version"))
    """Counts from 1 for each connection."""
    rules = models.JSONField(_("rules"), default=dict)
    """What it says, as `marketplaces.pricing` writes and reads it."""
    same_as = models.PositiveIntegerField(_("goes back to version"), null=True, blank=True)
    """The older version this one repeats."""
    changed = models.PositiveIntegerField(_("listings changed"), default=0)
    """How many listings on sale got another price by it."""
    saved_at = models.DateTimeField(_("saved"), default=timezone.now)
    saved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("person"),
    )

    class Meta:
        verbose_name = _("price rules")
        verbose_name_plural = _("price rules")
        ordering = ("-number",)
        constraints = [
            # Also what price_rules.current reads: a connection's newest version.
            models.UniqueConstraint(fields=["connection", "number"], name="marketplaces_pricerules_once"),
        ]

    def __str__(self) -> str:
        return f"v{self.number}"

    @property
    def said(self) -> pricing.Rules:
        """The rules themselves."""
        return _read(self.pk)

    @classmethod
    def newest(cls, connection_id: int) -> PriceRules | None:
        """Return a connection's version in force, without its text; None where it never had rules."""
        return cls.objects.filter(connection_id=connection_id).defer("rules").order_by("-number").first()


@lru_cache(maxsize=64)
def _read(pk: int) -> pricing.Rules:
    """Read a version once per process: it never changes."""
    return pricing.from_json(PriceRules.objects.values_list("rules", flat=True).get(pk=pk))


class HeldPrice(models.Model):
    """A price the guard kept back because it moves too far, and what became of it."""

    class State(models.TextChoices):
        OPEN = "open", _("Waiting for approval")
        APPROVED = "approved", _("Approved")
        REJECTED = "rejected", _("Rejected")
        REPLACED = "replaced", _("Replaced by another price")

    seller = models.ForeignKey(Seller, models.CASCADE, related_name="+", db_index=False)
    connection = models.ForeignKey(
        Connection, models.CASCADE, related_name="+", db_index=False, verbose_name=_("connection")
    )
    listing = models.ForeignKey(
        Listing, models.CASCADE, related_name="held_prices", db_index=False, verbose_name=_("listing")
    )
    version = models.PositiveIntegerField()
    """The wanted version of the listing's price that was kept back."""
    was = models.DecimalField(_("price there"), max_digits=14, decimal_places=2)
    """What the marketplace had last confirmed, or what the publication under way carries."""
    price = models.DecimalField(_("held price"), max_digits=14, decimal_places=2)
    list_price = models.DecimalField(_("held price (from)"), max_digits=14, decimal_places=2)
    percent = models.DecimalField(_("change in %"), max_digits=14, decimal_places=2)
    """From the one to the other; negative for a drop."""
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.OPEN)
    created_at = models.DateTimeField(_("held since"), default=timezone.now)
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("decided by"),
    )

    class Meta:
        verbose_name = _("held price")
        verbose_name_plural = _("held prices")
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["open", "approved", "rejected", "replaced"]),
                name="marketplaces_heldprice_state_known",
            ),
            models.CheckConstraint(
                condition=Q(state="open", decided_at__isnull=True)
                | ~Q(state="open") & Q(decided_at__isnull=False),
                name="marketplaces_heldprice_decided_has_a_time",
            ),
            models.UniqueConstraint(
                fields=["listing"], condition=Q(state="open"), name="marketplaces_heldprice_one_open"
            ),
        ]
        indexes = [
            # The portal's list, its tabs, and the start page's count of what is open.
            models.Index(F("seller"), F("state"), F("id").desc(), name="marketplaces_held_by_state"),
            # held.newest: the last decision about a listing.
            models.Index(F("listing"), F("id").desc(), name="marketplaces_held_of_listing"),
            # price_rules.save: what is open on a connection.
            models.Index(fields=["connection"], condition=Q(state="open"), name="marketplaces_held_of_conn"),
        ]

    def __str__(self) -> str:
        return f"{self.listing_id}: {self.was} → {self.price}"

    @property
    def value(self) -> pricing.Price:
        """The price that was kept back."""
        return pricing.Price(self.price, self.list_price)
