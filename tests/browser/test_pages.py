"""Every kind of page: no complaints from the browser, no wider than a phone, nothing to press for viewers."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.browser.reader import PHONE, Reader
from tests.processes import Product
from tests.scenarios.clients import Erp
from tests.scenarios.journey import Journey, alongside

DESK = {"width": 1280, "height": 900}
LEAVES = ("/logout/", "/jsi18n/", ".csv", "/login/")
MOST_PAGES = 80
FORMS = "form[method=post i], [hx-post], [hx-put], [hx-delete]"
PRESSABLE = """
forms => forms
    .filter(form => form.querySelector('button:not(:disabled), [type=submit]:not(:disabled)'))
    .map(form => form.getAttribute('hx-post') || new URL(form.action).pathname)
"""
OWN_AFFAIRS = ("/portal/logout/", "/i18n/", "/portal/account/two-step/", "/portal/password_change/")
"""What everybody may change: the language, and how he himself signs in."""


@pytest.fixture(scope="module")
def journey(product: Product) -> Journey:
    """A seller with something on every page: listings, errors, loads, conversations, and an order."""
    journey = Journey(product, "Loja das Páginas")
    journey.push_catalogue(size=1000)
    journey.map_categories()
    journey.connect_all()
    journey.wait_until(lambda: journey.states() and not journey.on_their_way(), 120, "the load's end")
    lines = [{"sku": journey.connected_skus()[0], "quantity": 1}]
    journey.market.create_orders([{"account": journey.account, "lines": lines}])
    with alongside(Erp(journey)):
        journey.wait_until(lambda: not journey.unfinished_orders(), 60, "an order on its way")
    product.shell(
        "from hub import people\n"
        "from hub.models import Seller, User\n"
        f"seller = Seller.objects.get(pk={journey.seller_id})\n"
        "people.add_member(seller, email='consulta@paginas.example', role='viewer', name='Vera Visita')\n"
        "viewer = User.objects.get(email='consulta@paginas.example')\n"
        f"viewer.set_password('{journey.seller['password']}')\n"
        "viewer.save()"
    )
    return journey


def every_kind_of_page(reader: Reader, start: str) -> Iterator[str]:
    """Walk the links from a page, and open one page of each kind: numbers and questions do not count."""
    waiting, seen = [start], set[str]()
    while waiting:
        path = waiting.pop(0)
        kind = re.sub(r"\d+", "N", path.partition("?")[0])
        if kind in seen or any(leaf in path for leaf in LEAVES):
            continue
        seen.add(kind)
        assert len(seen) < MOST_PAGES, seen
        reader.page.set_viewport_size(DESK)
        reader.open(path)
        waiting += reader.links(under=start)
        yield path


@pytest.mark.parametrize(("start", "least"), [("/portal/", 20), ("/admin/", 15)])
def test_pages_work_on_a_desk_and_on_a_phone(
    reader: Reader, journey: Journey, start: str, least: int
) -> None:
    owner = (journey.seller["email"], journey.seller["password"])
    reader.sign_in(*(owner if start == "/portal/" else reader.product.sign_in("staff")), path=start)
    wide = {}
    pages = []
    for path in every_kind_of_page(reader, start):
        reader.page.set_viewport_size(PHONE)
        pages.append(path)
        if (pixels := reader.overflow()) > 0:
            wide[path] = pixels
    print("\n".join(pages))
    assert len(pages) >= least, pages
    assert wide == {}, "pages wider than a phone, by pixels"


def test_a_viewer_finds_nothing_to_press(reader: Reader, journey: Journey) -> None:
    reader.sign_in("consulta@paginas.example", journey.seller["password"])
    found = {}
    for path in every_kind_of_page(reader, "/portal/"):
        forms = reader.page.locator(FORMS).evaluate_all(PRESSABLE)
        if buttons := [one for one in forms if not one.startswith(OWN_AFFAIRS)]:
            found[path] = buttons
        assert reader.page.locator("select[name=action]").count() == 0, path
        assert reader.page.get_by_role("link", name="Conectar uma conta").count() == 0, path
    assert found == {}
