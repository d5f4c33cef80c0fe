"""The marketplace's categories as we last read them, and how a seller's words translate to them."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from catalog.models import Category
from hub.models import Seller
from marketplaces.models.account import Connection, Marketplace


class RemoteCategory(models.Model):
    """One node of a marketplace's category tree, with its schema once somebody needed it.

    The same for every seller, so it belongs to none.
    """

    marketplace = models.ForeignKey(Marketplace, models.CASCADE, related_name="categories")
    remote_id = models.CharField(_("code"), max_length=100)
    name = models.CharField(_("name"), max_length=255)
    path = models.TextField(_("path"))
    """Names from the root, joined by " > "."""
    is_leaf = models.BooleanField(_("can be sold in"), default=True)
    schema = models.JSONField(null=True, blank=True)
    """The category's demands, as `marketplaces.taxonomy` writes and reads them; null until asked for."""
    schema_read_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("marketplace category")
        verbose_name_plural = _("marketplace categories")
        ordering = ("path",)
        constraints = [
            models.UniqueConstraint(
                fields=["marketplace", "remote_id"], name="marketplaces_remotecategory_once"
            ),
        ]
        indexes = [
            # Suggestions and the search box of the mapping page.
            GinIndex(OpClass(Upper("path"), name="gin_trgm_ops"), name="marketplaces_remotecat_search"),
        ]

    def __str__(self) -> str:
        return self.path


class CategoryMap(models.Model):
    """One of the seller's categories, translated for one connection."""

    seller = models.ForeignKey(Seller, models.CASCADE, related_name="+")
    connection = models.ForeignKey(Connection, models.CASCADE, related_name="category_maps")
    category = models.ForeignKey(Category, models.CASCADE, related_name="+")
    remote_category = models.ForeignKey(RemoteCategory, models.PROTECT, related_name="+")
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("category mapping")
        verbose_name_plural = _("category mappings")
        constraints = [
            models.UniqueConstraint(fields=["connection", "category"], name="marketplaces_categorymap_once"),
        ]

    def __str__(self) -> str:
        return f"{self.category_id} → {self.remote_category_id}"


class AttributeMap(models.Model):
    """Where the value of one marketplace attribute comes from, for one connection and category.

    Without a row, the specification whose key looks like the attribute's label is used.
    """

    class Source(models.TextChoices):
        SPECIFICATION = "specification", _("Specification")
        FIELD = "field", _("Product field")
        CONSTANT = "constant", _("Always this value")

    seller = models.ForeignKey(Seller, models.CASCADE, related_name="+")
    connection = models.ForeignKey(Connection, models.CASCADE, related_name="attribute_maps")
    remote_category = models.ForeignKey(RemoteCategory, models.CASCADE, related_name="+")
    attribute_id = models.CharField(max_length=100)
    """The attribute's id in the category's schema."""
    source = models.CharField(max_length=13, choices=Source)
    value = models.TextField(blank=True)
    """The specification's key, the product field's name, or the constant itself."""
    translations = models.JSONField(default=dict, blank=True)
    """The seller's words to the marketplace's allowed words, for list attributes."""
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("attribute mapping")
        verbose_name_plural = _("attribute mappings")
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "remote_category", "attribute_id"],
                name="marketplaces_attributemap_once",
            ),
            models.CheckConstraint(
                condition=Q(source__in=["specification", "field", "constant"]),
                name="marketplaces_attributemap_source_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.attribute_id} ← {self.source}:{self.value}"
