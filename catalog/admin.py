"""The catalogue as sellers and staff see it: read-only, because the ERP is its master."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, Prefetch, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
    DropdownFilter,
    RelatedDropdownFilter,
    TextFilter,
)
from unfold.decorators import display

from catalog.models import Attribute, Category, Product, Variation
from hub import start_page, tenancy
from hub.models import Seller
from hub.panels import Panel, PanelPage, brl, panel, size
from hub.portal import SellerAdmin, portal_site
from hub.staff import ReadOnlyStaffAdmin


class HasStockFilter(DropdownFilter):
    """Products with something left to sell, or with nothing."""

    title = _("stock")
    parameter_name = "stock"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The two answers."""
        return [("yes", _("In stock")), ("no", _("Out of stock"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Look for one variation with a quantity; never add them up over a whole catalogue."""
        left = Exists(Variation.objects.filter(product=OuterRef("pk"), qty__gt=0))
        if self.value() == "yes":
            return queryset.filter(left)
        return queryset.filter(~left) if self.value() == "no" else queryset


class CategoryFilter(DropdownFilter):
    """Products of one of the seller's categories."""

    title = _("category")
    parameter_name = "category"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The current seller's categories."""
        rows = Category.objects.filter(seller_id=tenancy.actor(request).seller.pk)
        return list(rows.values_list("code", "name")[:500])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Use the GIN index on the codes."""
        return queryset.filter(category_codes__contains=[self.value()]) if self.value() else queryset


class BrandFilter(TextFilter):
    """Products of one brand, whatever the case typed."""

    title = _("brand")
    parameter_name = "brand"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Compare the whole word."""
        value = self.value()
        return queryset.filter(brand__iexact=value) if value else queryset


class ProductColumns:
    """Columns both sites show."""

    @display(description=_("product"), ordering="name")
    def show_product(self, product: Product) -> SafeString:
        """Picture, name and SKU in one cell."""
        return SafeString(render_to_string("portal/catalog/product_cell.html", {"product": product}))

    @display(description=_("price"), ordering="price")
    def show_price(self, product: Product) -> SafeString:
        """What the shopper pays; the crossed-out price above it where there is a promotion."""
        if product.promotional_price is not None and product.promotional_price != product.price:
            return format_html(
                '<span class="hub-num"><span class="hub-was">{}</span><br>{}</span>',
                brl(product.price),
                brl(product.promotional_price),
            )
        return format_html('<span class="hub-num">{}</span>', brl(product.price))

    @display(
        description=_("status"), label={Product.Status.ENABLED: "success", Product.Status.DISABLED: "warning"}
    )
    def show_status(self, product: Product) -> tuple[str, str]:
        """Whether the ERP wants it sold."""
        return product.status, product.get_status_display()


class ProductAdmin(PanelPage, ProductColumns, SellerAdmin):
    """The seller's products. `marketplaces` subclasses this to add listings and actions.

    A subclass extends `list_display`, `list_filter`, `actions` and `panels`.
    """

    list_display = (
        "show_product",
        "show_price",
        "show_stock",
        "show_variations",
        "show_status",
        "updated_at",
    )
    list_display_links = ("show_product",)
    list_filter = (("status", ChoicesDropdownFilter), HasStockFilter, CategoryFilter, BrandFilter)
    search_fields = ("name", "sku")
    search_help_text = _("Name, SKU or GTIN/EAN")
    ordering = ("-id",)
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Bring the page's variations along, without their texts."""
        variations = Variation.objects.only("id", "product_id", "sku", "qty")
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.prefetch_related(Prefetch("variations", variations, to_attr="listed_variations"))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search names and SKUs by their trigram indexes, and exact SKUs and GTINs of variations."""
        found, duplicates = super().get_search_results(request, queryset, search_term)
        term = search_term.strip()
        if not term or " " in term:
            return found, duplicates
        exact = _products_with_code(tenancy.actor(request).seller.pk, term)
        return (found | queryset.filter(pk__in=exact) if exact else found), duplicates

    @display(description=_("stock"))
    def show_stock(self, product: Any) -> SafeString:
        """The sum over the variations."""
        total = sum(one.qty for one in product.listed_variations)
        return format_html('<span class="hub-num">{}</span>', number_format(total, force_grouping=True))

    @display(description=_("variations"))
    def show_variations(self, product: Any) -> int:
        """How many sellable SKUs it has."""
        return len(product.listed_variations)

    def panels(self, request: HttpRequest, obj: Product) -> list[Panel]:
        """All the ERP said about the product."""
        return product_panels(request, obj)


def _products_with_code(seller_id: int, code: str) -> list[int]:
    # Fetched first: an OR with a subquery would keep PostgreSQL from combining the trigram indexes.
    rows = Variation.objects.filter(seller_id=seller_id)
    by_sku = rows.filter(sku__in={code, code.upper()}).values_list("product_id", flat=True)
    by_ean = rows.filter(ean=code).exclude(ean="").values_list("product_id", flat=True)
    of_product = Product.objects.filter(seller_id=seller_id, ean=code).exclude(ean="")
    return [*by_sku[:2], *by_ean[:50], *of_product.values_list("pk", flat=True)[:50]]


def product_panels(request: HttpRequest, product: Product) -> list[Panel]:
    """Describe a product for people: facts, variations, pictures, specifications, words."""
    names = dict(
        Category.objects.filter(seller_id=product.seller_id, code__in=product.category_codes).values_list(
            "code", "name"
        )
    )
    context = {
        "product": product,
        "price": brl(product.price),
        "promotional_price": brl(product.promotional_price),
        "cost": brl(product.cost),
        "sizes": [
            (_("Weight"), size(product.weight, "kg")),
            (_("Height"), size(product.height, "cm")),
            (_("Width"), size(product.width, "cm")),
            (_("Length"), size(product.length, "cm")),
        ],
        "categories": [names.get(code) or code for code in product.category_codes],
        "variations": [
            (
                one,
                brl(one.price if one.price is not None else product.price),
                brl(
                    one.promotional_price if one.promotional_price is not None else product.promotional_price
                ),
            )
            for one in product.variations.all()
        ],
    }
    folder = "portal/catalog"
    panels = [
        panel(request, _("Product"), f"{folder}/product_facts.html", context, wide=False),
        panel(request, _("Price and sizes"), f"{folder}/product_sizes.html", context, wide=False),
        panel(request, _("Variations"), f"{folder}/product_variations.html", context),
    ]
    if product.images:
        panels.append(panel(request, _("Pictures"), f"{folder}/product_pictures.html", context))
    if product.specifications:
        panels.append(
            panel(request, _("Specifications"), f"{folder}/specifications.html", context, wide=False)
        )
    if product.description:
        panels.append(panel(request, _("Description"), f"{folder}/product_words.html", context, wide=False))
    return panels


class CategoryAdmin(SellerAdmin):
    """The seller's category tree, as the ERP names it."""

    list_display = ("name", "code", "updated_at")
    search_fields = ("name", "code")
    ordering = ("name", "id")
    fields = ("name", "code", "created_at", "updated_at")


class AttributeAdmin(SellerAdmin):
    """The specification keys the ERP announced."""

    list_display = ("name", "label", "show_options", "updated_at")
    search_fields = ("name", "label")
    ordering = ("name", "id")
    fields = ("name", "label", "show_options", "created_at", "updated_at")
    readonly_fields = ("show_options",)

    @display(description=_("options"))
    def show_options(self, attribute: Attribute) -> str:
        """The first few values it may take."""
        shown = ", ".join(attribute.options[:8])
        return f"{shown}…" if len(attribute.options) > 8 else shown or "–"


@start_page.step(order=20)
def send_products(seller: Seller) -> start_page.Step:
    """The second step: something to sell."""
    return start_page.Step(
        title=_("Send products"),
        text=_("The ERP sends products, prices and stock over the API; they appear here at once."),
        link="/docs/",
        action=_("To the API's documentation"),
        is_done=Product.objects.filter(seller_id=seller.pk).exists(),
    )


portal_site.register(Product, ProductAdmin)
portal_site.register(Category, CategoryAdmin)
portal_site.register(Attribute, AttributeAdmin)
portal_site.menu("catalog", _("Products"), "inventory_2", "catalog_product_changelist", order=10)
portal_site.menu("catalog", _("Categories"), "account_tree", "catalog_category_changelist", order=20)
portal_site.menu("catalog", _("Attributes"), "tune", "catalog_attribute_changelist", order=30)


@admin.register(Product)
class ProductStaffAdmin(PanelPage, ProductColumns, ReadOnlyStaffAdmin):
    """Every seller's products, for support."""

    list_display = ("show_product", "seller", "show_price", "show_status", "updated_at")
    list_display_links = ("show_product",)
    list_filter = (("status", ChoicesDropdownFilter), ("seller", RelatedDropdownFilter))
    list_select_related = ("seller",)
    search_fields = ("name", "sku")
    ordering = ("-id",)
    sortable_by = ()

    def panels(self, request: HttpRequest, obj: Product) -> list[Panel]:
        """What the seller sees."""
        return product_panels(request, obj)
