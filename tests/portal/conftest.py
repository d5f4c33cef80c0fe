"""The cast: Ana sells and owns, Carla looks after Ana's shop without touching it, Beto is a stranger."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client

from hub.models import Membership, Seller, User
from marketplaces.simulators.sandbox import SandboxSimulator
from tests import make
from tests.marketplaces.shop import FAST, Shop, open_shop

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


@pytest.fixture
def sandbox() -> Iterator[SandboxSimulator]:
    """A marketplace that decides within hundredths of a second."""
    with SandboxSimulator(settings=FAST) as simulator:
        yield simulator


@pytest.fixture
def stall(sandbox: SandboxSimulator, db: None) -> Shop:
    """Dora's shop, connected to the sandbox, with a mapped category."""
    return open_shop(sandbox, "Dora")


@pytest.fixture
def dora(stall: Shop) -> Client:
    """Owns the stall."""
    return sign_in(make.make_member(stall.seller, email="dora@example.com", name="Dora"))


@pytest.fixture
def otto(stall: Shop) -> Client:
    """Operates the stall."""
    return sign_in(make.make_member(stall.seller, Membership.Role.OPERATOR, email="otto@example.com"))


@pytest.fixture
def vera(stall: Shop) -> Client:
    """Looks at the stall."""
    return sign_in(make.make_member(stall.seller, Membership.Role.VIEWER, email="vera@example.com"))
