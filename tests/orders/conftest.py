"""The cast: Ana sells at a marketplace, Beto is a stranger."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from hub.models import Seller
from marketplaces.models import Connection
from tests.orders import make


@pytest.fixture
def ana(db: None) -> Seller:
    seller = make.make_seller("Ana")
    make.make_product(seller, "S1")
    make.make_product(seller, "CAMISA", "CAMISA-P", "CAMISA-M")
    return seller


@pytest.fixture
def beto(db: None) -> Seller:
    return make.make_seller("Beto")


@pytest.fixture
def connection(ana: Seller) -> Connection:
    return make.make_connection(ana)


@pytest.fixture
def erp(ana: Seller) -> APIClient:
    return make.client_of(ana)


@pytest.fixture
def stranger(beto: Seller) -> APIClient:
    return make.client_of(beto)
