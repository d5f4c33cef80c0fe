"""Rows for tests: plain functions, each with the few values a test does not care about filled in."""

from __future__ import annotations

import itertools
from typing import Any

from catalog.models import Category, Product, Variation
from hub.models import ApiKey, Membership, Seller, User

_numbers = itertools.count(1)


def make_user(email: str = "", *, password: str | None = None, **fields: Any) -> User:
    """A person; without a password, because hashing one takes a quarter of a second."""
    return User.objects.create_user(email or f"person{next(_numbers)}@example.com", password, **fields)


def make_seller(name: str = "", **fields: Any) -> Seller:
    """A seller without people."""
    return Seller.objects.create(name=name or f"Loja {next(_numbers)}", **fields)


def make_member(seller: Seller, role: str = Membership.Role.OWNER, **fields: Any) -> User:
    """A person who works for the seller."""
    user = make_user(**fields)
    Membership.objects.create(seller=seller, user=user, role=role)
    return user


def make_api_key(seller: Seller, name: str = "ERP") -> tuple[ApiKey, str]:
    """A key of the seller, with its secret."""
    return ApiKey.issue(seller, name)


def make_api_headers(seller: Seller) -> dict[str, str]:
    """The headers of an ERP of this seller, for Django's test client and for requests."""
    _key, secret = make_api_key(seller)
    return {
        "X-User-Email": make_member(seller).email,
        "X-Api-Key": secret,
        "X-Accountmanager-Key": "integrator",
    }


def make_category(seller: Seller, code: str = "", name: str = "") -> Category:
    """A category of the seller's own tree."""
    code = code or f"C{next(_numbers)}"
    return Category.objects.create(seller=seller, code=code, name=name or f"Casa > {code}")


def make_product(seller: Seller, sku: str = "", *, qty: int = 10, **fields: Any) -> Product:
    """A simple product with its one variation."""
    product = make_parent(seller, sku, **fields)
    Variation.objects.create(seller=seller, product=product, sku=product.sku, qty=qty)
    return product


def make_parent(seller: Seller, sku: str = "", **fields: Any) -> Product:
    """A product whose variations are still to be made."""
    sku = sku or f"SKU-{next(_numbers)}"
    values: dict[str, Any] = {"name": f"Produto {sku}", "price": "99.90", "brand": "Marca", **fields}
    return Product.objects.create(seller=seller, sku=sku, **values)


def make_variation(product: Product, sku: str = "", *, qty: int = 10, **fields: Any) -> Variation:
    """A variation of a product that has several."""
    return Variation.objects.create(
        seller_id=product.seller_id,
        product=product,
        sku=sku or f"{product.sku}-{next(_numbers)}",
        qty=qty,
        **fields,
    )
