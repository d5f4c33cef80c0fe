"""/categories and /attributes: retired by SkyHub in 2022 and 2025, still called by every SDK."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import vocabulary
from catalog.api import docs, shapes
from catalog.models import Attribute, Category
from hub.api.parsing import unwrap
from hub.api.schema import errors, in_path, nothing
from hub.api.shapes import many
from hub.api.views import SellerView, done
from hub.refusals import Unknown

CODE = in_path("code", "The category's code.")
NAME = in_path("name", "The attribute's name.")


class CategoriesView(SellerView):
    """The seller's categories."""

    @extend_schema(
        operation_id="categories_list",
        responses={200: many(docs.CATEGORY), **errors()},
    )
    def get(self, request: Request) -> Response:
        """List all categories."""
        return Response(shapes.categories(Category.objects.filter(seller_id=self.seller_id)))

    @extend_schema(
        operation_id="categories_create",
        request=docs.wrapped("category", docs.CATEGORY),
        responses={**nothing(201), **errors(400, 422)},
    )
    def post(self, request: Request) -> HttpResponse:
        """Create a category, or rename a known one."""
        vocabulary.save_category(self.seller_id, unwrap(request.data, "category"))
        return done(201)


class CategoryView(SellerView):
    """One category."""

    @extend_schema(
        operation_id="categories_get",
        parameters=[CODE],
        responses={200: docs.CATEGORY, **errors(404)},
    )
    def get(self, request: Request, code: str) -> Response:
        """Show a category."""
        row = Category.objects.filter(seller_id=self.seller_id, code=code.strip()).first()
        if row is None:
            raise Unknown(_("There is no category with the code %(code)s.") % {"code": code})
        return Response(shapes.categories([row])[0])

    @extend_schema(
        operation_id="categories_update",
        parameters=[CODE],
        request=docs.wrapped("category", docs.CATEGORY_CHANGE),
        responses={**nothing(204), **errors(400, 404, 422)},
    )
    def put(self, request: Request, code: str) -> HttpResponse:
        """Rename a category."""
        data = unwrap(request.data, "category", bare={"name"})
        vocabulary.rename_category(self.seller_id, code.strip(), data)
        return done(204)

    @extend_schema(
        operation_id="categories_delete",
        parameters=[CODE],
        request=None,
        responses={**nothing(204), **errors(404, 422)},
    )
    def delete(self, request: Request, code: str) -> HttpResponse:
        """Delete a category that no product names."""
        vocabulary.delete_category(self.seller_id, code.strip())
        return done(204)


class AttributesView(SellerView):
    """The attributes the ERP announced."""

    @extend_schema(
        operation_id="attributes_list",
        responses={200: many(docs.ATTRIBUTE_SHOWN), **errors()},
    )
    def get(self, request: Request) -> Response:
        """List all attributes."""
        rows = Attribute.objects.filter(seller_id=self.seller_id)
        return Response([shapes.attribute(row) for row in rows])

    @extend_schema(
        operation_id="attributes_create",
        request=docs.wrapped("attribute", docs.ATTRIBUTE),
        responses={**nothing(201), **errors(400, 422)},
    )
    def post(self, request: Request) -> HttpResponse:
        """Announce an attribute, or announce it anew."""
        vocabulary.save_attribute(self.seller_id, unwrap(request.data, "attribute"))
        return done(201)


class AttributeView(SellerView):
    """One attribute."""

    @extend_schema(
        operation_id="attributes_get",
        parameters=[NAME],
        responses={200: docs.ATTRIBUTE_SHOWN, **errors(404)},
    )
    def get(self, request: Request, name: str) -> Response:
        """Show an attribute."""
        row = Attribute.objects.filter(seller_id=self.seller_id, name=name.strip()).first()
        if row is None:
            raise Unknown(_("There is no attribute with the name %(name)s.") % {"name": name})
        return Response(shapes.attribute(row))

    @extend_schema(
        operation_id="attributes_update",
        parameters=[NAME],
        request=docs.wrapped("attribute", docs.ATTRIBUTE_CHANGE),
        responses={**nothing(204), **errors(400, 404, 422)},
    )
    def put(self, request: Request, name: str) -> HttpResponse:
        """Change an attribute's label or options."""
        data = unwrap(request.data, "attribute", bare={"label", "options"})
        vocabulary.change_attribute(self.seller_id, name.strip(), data)
        return done(204)
