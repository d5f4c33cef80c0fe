"""What the ERP says: products, their variations, categories and attributes.

Only the ERP writes here, over the API; the hub never edits catalogue data. Nothing in this app
knows that marketplaces exist.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Upper
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from hub.models import Seller

MAX_MONEY = Decimal("99999999.99")
MAX_QUANTITY = 99_999_999


def money(label: Any, **options: Any) -> models.DecimalField[Any, Any]:
    """A nullable amount in BRL."""
    return models.DecimalField(label, max_digits=10, decimal_places=2, null=True, blank=True, **options)


def measure(label: Any, **options: Any) -> models.DecimalField[Any, Any]:
    """A nullable physical size: kg or cm, as the label says."""
    return models.DecimalField(label, max_digits=10, decimal_places=3, null=True, blank=True, **options)


class Category(models.Model):
    """One category of the seller's own tree, as the ERP names it.

    `name` is the whole path joined by " > ". Categories inside products are created on the fly.
    """

    seller = models.ForeignKey(Seller, models.CASCADE, related_name="categories", verbose_name=_("seller"))
    code = models.CharField(_("code"), max_length=255)
    name = models.TextField(_("name"))
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    updated_at = models.DateTimeField(_("updated"), default=timezone.now)

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        ordering = ("name", "id")
        constraints = [
            models.UniqueConstraint(fields=["seller", "code"], name="catalog_category_code_once_per_seller"),
            models.CheckConstraint(condition=~Q(code=""), name="catalog_category_has_a_code"),
            # Target of composite foreign keys: a row that names a category agrees on the seller.
            models.UniqueConstraint(fields=["seller", "id"], name="catalog_category_of_seller"),
        ]

    def __str__(self) -> str:
        return self.name or self.code


class Attribute(models.Model):
    """A specification key the ERP announced, with the label for people and the values it may take."""

    seller = models.ForeignKey(Seller, models.CASCADE, related_name="attributes", verbose_name=_("seller"))
    name = models.CharField(_("name"), max_length=255)
    label = models.CharField(_("label"), max_length=255, blank=True)
    options = ArrayField(models.TextField(), default=list, blank=True, verbose_name=_("options"))
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    updated_at = models.DateTimeField(_("updated"), default=timezone.now)

    class Meta:
        verbose_name = _("attribute")
        verbose_name_plural = _("attributes")
        ordering = ("name", "id")
        constraints = [
            models.UniqueConstraint(fields=["seller", "name"], name="catalog_attribute_name_once_per_seller"),
            models.CheckConstraint(condition=~Q(name=""), name="catalog_attribute_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.label or self.name


class Product(models.Model):
    """What a thing is: its words, pictures, sizes and prices.

    What is sold is a `Variation`. A simple product has exactly one, with the product's own SKU; the
    quantity lives there. A price or size the variation does not state is the product's.
    """

    class Status(models.TextChoices):
        ENABLED = "enabled", _("Enabled")
        DISABLED = "disabled", _("Disabled")

    seller = models.ForeignKey(Seller, models.CASCADE, related_name="products", verbose_name=_("seller"))
    sku = models.CharField(_("SKU"), max_length=100)
    name = models.TextField(_("name"), blank=True)
    description = models.TextField(_("description"), blank=True)
    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.ENABLED)
    brand = models.CharField(_("brand"), max_length=255, blank=True)
    ean = models.CharField(_("GTIN/EAN"), max_length=30, blank=True)
    nbm = models.CharField(_("NCM"), max_length=20, blank=True)
    price = money(_("price (from)"))
    promotional_price = money(_("price (for)"))
    cost = money(_("cost"))
    weight = measure(_("weight (kg)"))
    height = measure(_("height (cm)"))
    width = measure(_("width (cm)"))
    length = measure(_("length (cm)"))
    crossdocking = models.PositiveIntegerField(_("crossdocking (days)"), null=True, blank=True)
    category_codes = ArrayField(models.TextField(), default=list, blank=True, verbose_name=_("categories"))
    """Codes of the seller's categories, the main one first (docs/decisions/0006)."""
    images = ArrayField(models.TextField(), default=list, blank=True, verbose_name=_("images"))
    """Picture URLs, the main one first; a picture is refreshed only when its URL changes."""
    specifications = models.JSONField(_("specifications"), default=list, blank=True)
    """A list of ``{"key": text, "value": text or null}``, in the ERP's order."""
    variation_attributes = ArrayField(
        models.TextField(), default=list, blank=True, verbose_name=_("variation attributes")
    )
    """Keys of the specifications that tell the variations apart."""
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    updated_at = models.DateTimeField(_("updated"), default=timezone.now)

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["seller", "sku"],
                name="catalog_product_sku_once_per_seller",
                violation_error_message=_("This seller already has a product with this SKU."),
            ),
            models.UniqueConstraint(fields=["seller", "id"], name="catalog_product_of_seller"),
            models.CheckConstraint(condition=~Q(sku=""), name="catalog_product_has_a_sku"),
            models.CheckConstraint(
                condition=Q(status__in=["enabled", "disabled"]), name="catalog_product_status_known"
            ),
            models.CheckConstraint(
                condition=(Q(price__isnull=True) | Q(price__gte=0))
                & (Q(promotional_price__isnull=True) | Q(promotional_price__gte=0))
                & (Q(cost__isnull=True) | Q(cost__gte=0)),
                name="catalog_product_money_not_negative",
            ),
            models.CheckConstraint(
                condition=(Q(weight__isnull=True) | Q(weight__gte=0))
                & (Q(height__isnull=True) | Q(height__gte=0))
                & (Q(width__isnull=True) | Q(width__gte=0))
                & (Q(length__isnull=True) | Q(length__gte=0)),
                name="catalog_product_sizes_not_negative",
            ),
        ]
        indexes = [
            # GET /products with a cursor, and the portal's list: one seller, newest first.
            models.Index(F("seller"), F("id").desc(), name="catalog_product_newest"),
            # GET /products?status=, and the portal's filter by status.
            models.Index(F("seller"), F("status"), F("id").desc(), name="catalog_product_by_status"),
            # The portal's search box: icontains compiles to UPPER(x) LIKE UPPER(y).
            GinIndex(OpClass(Upper("name"), name="gin_trgm_ops"), name="catalog_product_name_search"),
            GinIndex(OpClass(Upper("sku"), name="gin_trgm_ops"), name="catalog_product_sku_search"),
            # GET /products?categories=, and the products of a category that is being mapped.
            GinIndex(fields=["category_codes"], name="catalog_product_categories"),
        ]

    def __str__(self) -> str:
        return f"{self.sku} · {self.name}"[:120]


class VariationQuerySet(models.QuerySet["Variation"]):
    """Questions about sellable SKUs."""

    def with_effective_values(self) -> VariationQuerySet:
        """Annotate `effective_price` and `effective_promotional_price`: own value, else the product's."""
        return self.annotate(
            effective_price=Coalesce("price", "product__price"),
            effective_promotional_price=Coalesce("promotional_price", "product__promotional_price"),
        )


class Variation(models.Model):
    """The sellable SKU: what has a quantity, a barcode and, on each connection, a listing.

    Null prices and sizes mean "as the product says", read at the time of asking.
    """

    seller = models.ForeignKey(Seller, models.CASCADE, related_name="variations", verbose_name=_("seller"))
    product = models.ForeignKey(Product, models.CASCADE, related_name="variations", verbose_name=_("product"))
    sku = models.CharField(_("SKU"), max_length=100)
    qty = models.IntegerField(_("quantity"), default=0)
    figure_awaited = models.BooleanField(default=False, db_default=False)
    """True while somebody must hear the ERP's next quantity even if it is the same as before.

    Whoever waits sets it; the next quantity the ERP sends clears it, and the triggers see that.
    """
    ean = models.CharField(_("GTIN/EAN"), max_length=30, blank=True)
    price = money(_("price (from)"))
    promotional_price = money(_("price (for)"))
    weight = measure(_("weight (kg)"))
    height = measure(_("height (cm)"))
    width = measure(_("width (cm)"))
    length = measure(_("length (cm)"))
    crossdocking = models.PositiveIntegerField(_("crossdocking (days)"), null=True, blank=True)
    images = ArrayField(models.TextField(), default=list, blank=True, verbose_name=_("images"))
    specifications = models.JSONField(_("specifications"), default=list, blank=True)
    """A list of ``{"key": text, "value": text or null}``."""
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    updated_at = models.DateTimeField(_("updated"), default=timezone.now)

    objects = VariationQuerySet.as_manager()

    class Meta:
        verbose_name = _("variation")
        verbose_name_plural = _("variations")
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(
                fields=["seller", "sku"],
                name="catalog_variation_sku_once_per_seller",
                violation_error_message=_("This seller already has a variation with this SKU."),
            ),
            models.UniqueConstraint(fields=["seller", "id"], name="catalog_variation_of_seller"),
            models.CheckConstraint(condition=~Q(sku=""), name="catalog_variation_has_a_sku"),
            models.CheckConstraint(condition=Q(qty__gte=0), name="catalog_variation_qty_not_negative"),
            models.CheckConstraint(
                condition=(Q(price__isnull=True) | Q(price__gte=0))
                & (Q(promotional_price__isnull=True) | Q(promotional_price__gte=0)),
                name="catalog_variation_money_not_negative",
            ),
            models.CheckConstraint(
                condition=(Q(weight__isnull=True) | Q(weight__gte=0))
                & (Q(height__isnull=True) | Q(height__gte=0))
                & (Q(width__isnull=True) | Q(width__gte=0))
                & (Q(length__isnull=True) | Q(length__gte=0)),
                name="catalog_variation_sizes_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return self.sku


class Store(models.Model):
    """One of the seller's warehouses, for ERPs that keep stock in several places (multi-origin).

    The default store has no stock rows of its own: its quantities are the variations', and they alone
    are on sale. What the other stores have is kept for the ERP and not sold.
    """

    DEFAULT = "98"
    """The code every account's default store has (SkyHub documentation, "Multi-origem")."""

    seller = models.ForeignKey(Seller, models.CASCADE, related_name="stores", verbose_name=_("seller"))
    code = models.CharField(_("code"), max_length=50)
    name = models.CharField(_("name"), max_length=150)
    address = models.JSONField(_("address"), default=dict, blank=True)
    """Where parcels leave from: street, number, complement, neighborhood, city, region, postcode ..."""
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    updated_at = models.DateTimeField(_("updated"), default=timezone.now)

    class Meta:
        verbose_name = _("store")
        verbose_name_plural = _("stores")
        ordering = ("code",)
        constraints = [
            models.UniqueConstraint(fields=["seller", "code"], name="catalog_store_code_once_per_seller"),
            models.UniqueConstraint(fields=["seller", "id"], name="catalog_store_of_seller"),
            models.CheckConstraint(condition=~Q(code=""), name="catalog_store_has_a_code"),
        ]

    def __str__(self) -> str:
        return f"{self.code} · {self.name}"


class StoreStock(models.Model):
    """What one store other than the default one has of a variation."""

    seller = models.ForeignKey(Seller, models.CASCADE, related_name="+", db_index=False)
    store = models.ForeignKey(Store, models.CASCADE, related_name="stock", db_index=False)
    variation = models.ForeignKey(Variation, models.CASCADE, related_name="store_stock")
    qty = models.IntegerField(_("quantity"), default=0)
    crossdocking = models.PositiveIntegerField(_("crossdocking (days)"), null=True, blank=True)
    updated_at = models.DateTimeField(_("updated"), default=timezone.now)

    class Meta:
        verbose_name = _("store stock")
        verbose_name_plural = _("store stock")
        ordering = ("store", "variation")
        constraints = [
            models.UniqueConstraint(fields=["store", "variation"], name="catalog_storestock_once"),
            models.CheckConstraint(condition=Q(qty__gte=0), name="catalog_storestock_qty_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.store_id}: {self.qty} × {self.variation_id}"
