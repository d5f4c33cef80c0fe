"""Where a seller's quotes come from, and the quotes that were given."""

from __future__ import annotations

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from hub.models import Seller

LAST_ZIP = 99_999_999
HEAVIEST = Decimal("9999999.999")


class FreightSettings(models.Model):
    """Where one seller answers quotes; a seller without a row has only its contingency table."""

    seller = models.OneToOneField(
        Seller, models.CASCADE, primary_key=True, related_name="freight_settings", verbose_name=_("seller")
    )
    quote_url = models.URLField(
        _("quote address"),
        max_length=500,
        blank=True,
        help_text=_("We POST zip and volumes there and wait at most 800 ms. Empty: only the table is used."),
    )

    class Meta:
        verbose_name = _("freight settings")
        verbose_name_plural = _("freight settings")

    def __str__(self) -> str:
        return str(self.seller)


class FreightRate(models.Model):
    """One line of a seller's contingency table: a span of zips and weights, its cost and time.

    It counts where the seller gives no quote address, or does not answer there in time.
    """

    seller = models.ForeignKey(
        Seller, models.CASCADE, related_name="freight_rates", verbose_name=_("seller"), db_index=False
    )
    name = models.CharField(_("shipping method"), max_length=80)
    zip_from = models.PositiveIntegerField(_("zip from"), validators=[MaxValueValidator(LAST_ZIP)])
    zip_to = models.PositiveIntegerField(_("zip to"), validators=[MaxValueValidator(LAST_ZIP)])
    weight_from = models.DecimalField(
        _("weight from (kg)"),
        max_digits=10,
        decimal_places=3,
        default=Decimal(0),
        validators=[MinValueValidator(Decimal(0))],
    )
    weight_to = models.DecimalField(
        _("weight to (kg)"), max_digits=10, decimal_places=3, validators=[MinValueValidator(Decimal(0))]
    )
    cost = models.DecimalField(
        _("cost (BRL)"), max_digits=10, decimal_places=2, validators=[MinValueValidator(Decimal(0))]
    )
    days = models.PositiveSmallIntegerField(
        _("days in transit"),
        validators=[MaxValueValidator(365)],
        help_text=_("The crossdocking days of the products come on top."),
    )

    class Meta:
        verbose_name = _("freight rate")
        verbose_name_plural = _("contingency table")
        ordering = ("zip_from", "weight_from", "id")
        constraints = [
            models.CheckConstraint(
                condition=Q(zip_from__lte=F("zip_to")) & Q(zip_to__lte=LAST_ZIP),
                name="orders_freightrate_zips_in_order",
                violation_error_message=_("The first zip comes after the last one."),
            ),
            models.CheckConstraint(
                condition=Q(weight_from__lte=F("weight_to")) & Q(weight_from__gte=0),
                name="orders_freightrate_weights_in_order",
                violation_error_message=_("The lower weight is above the higher one."),
            ),
            models.CheckConstraint(condition=Q(cost__gte=0), name="orders_freightrate_cost_not_negative"),
        ]
        # A quote: the seller's lines whose span has the zip.
        indexes = [models.Index(fields=["seller", "zip_from", "zip_to"], name="orders_freightrate_of_zip")]

    def __str__(self) -> str:
        return f"{self.name} {self.zip_from:08d}–{self.zip_to:08d}"


class FreightQuote(models.Model):
    """One quote that was asked for, and what was answered."""

    class Source(models.TextChoices):
        SELLER = "seller", _("The seller's own answer")
        CONTINGENCY = "contingency", _("Contingency table")
        NONE = "none", _("Not served")

    seller = models.ForeignKey(Seller, models.CASCADE, related_name="+", db_index=False)
    sale_system = models.CharField(_("channel"), max_length=80, blank=True)
    zip = models.PositiveIntegerField(_("zip"))
    volumes = models.JSONField(default=list, blank=True)
    source = models.CharField(_("answered by"), max_length=11, choices=Source)
    offers = models.JSONField(default=list, blank=True)
    """The answer, cheapest first; empty where the zip is not served."""
    problem = models.TextField(_("problem"), blank=True)
    """Why the seller's own answer was not used, where it was asked for."""
    milliseconds = models.PositiveIntegerField(_("took (ms)"), default=0)
    created_at = models.DateTimeField(_("asked"), default=timezone.now)

    class Meta:
        verbose_name = _("freight quote")
        verbose_name_plural = _("freight quotes")
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                condition=Q(source__in=["seller", "contingency", "none"]),
                name="orders_freightquote_source_known",
            ),
        ]
        indexes = [
            # GET /freights: one seller's, newest first.
            models.Index(F("seller"), F("id").desc(), name="orders_freightquote_newest"),
            # The daily clean-up.
            models.Index(fields=["created_at"], name="orders_freightquote_age"),
        ]

    def __str__(self) -> str:
        return f"{self.zip:08d}: {self.source}"

    @property
    def best(self) -> Decimal | None:
        """The cheapest offer's cost in BRL."""
        cost = self.offers[0].get("shippingCost") if self.offers else None
        return Decimal(str(cost)) if isinstance(cost, (int, float)) else None
