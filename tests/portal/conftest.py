"""The cast: Ana sells and owns, Carla looks after Ana's shop without touching it, Beto is a stranger."""

from __future__ import annotations

import pytest
from django.test import Client

from hub.models import Membership, Seller, User
from tests import make

PASSWORD = "correct horse battery"


def sign_in(user: User) -> Client:
    """A browser in which the person is signed in."""
    client = Client(headers={"accept": "text/html"})
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def shop(db: None) -> Seller:
    return make.make_seller("Loja da Ana")


@pytest.fixture
def owner(shop: Seller) -> User:
    return make.make_member(shop, email="ana@example.com", name="Ana", password=PASSWORD)


@pytest.fixture
def ana(owner: User) -> Client:
    return sign_in(owner)


@pytest.fixture
def oscar(shop: Seller) -> Client:
    """An operator."""
    return sign_in(make.make_member(shop, Membership.Role.OPERATOR, email="oscar@example.com"))


@pytest.fixture
def carla(shop: Seller) -> Client:
    """A viewer."""
    return sign_in(make.make_member(shop, Membership.Role.VIEWER, email="carla@example.com"))


@pytest.fixture
def stranger(db: None) -> Client:
    """Owns another seller."""
    return sign_in(make.make_member(make.make_seller("Loja do Beto"), email="beto@example.com"))


@pytest.fixture
def staff(db: None) -> Client:
    return sign_in(User.objects.create_superuser("staff@example.com", PASSWORD))


@pytest.fixture
def anonymous() -> Client:
    return Client(headers={"accept": "text/html"})
