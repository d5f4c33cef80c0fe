"""The homologation in the portal and over the API: who may do what, and what closes it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from hub.api import log
from hub.api.log import KEPT_BYTES, KEPT_BYTES_OF_TESTS, Recorder
from hub.homologation import services
from hub.homologation.cases import CASES
from hub.homologation.models import CASES_IN_ALL, Homologation, HomologationCase
from hub.models import ApiCall, Membership, Seller
from hub.refusals import Refusal
from tests.api.erp import Erp
from tests.api.test_conventions import error_of
from tests.homologation.cases import product
from tests.make import make_member, make_seller
from tests.portal.conftest import sign_in

pytestmark = pytest.mark.django_db
State = HomologationCase.State
PAGE = "/portal/homologation/"


@pytest.fixture
def seller() -> Seller:
    return make_seller("Loja de Teste", is_test=True)


@pytest.fixture
def ana(seller: Seller) -> Client:
    return sign_in(make_member(seller, Membership.Role.OPERATOR))


@pytest.fixture
def erp(seller: Seller, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Erp]:
    """An ERP whose calls are written down when `look` asks for them."""
    settings.HUB_API_LOG = True
    monkeypatch.setattr(log, "recorder", Recorder(log.write, every=3600))
    yield Erp(seller)
    # What waited beyond the test would be written into whatever database the end of the process meets.
    log.recorder.flush()


@pytest.fixture
def begun(seller: Seller) -> Homologation:
    return services.start(seller, None)


def look(homologation: Homologation) -> dict[int, HomologationCase]:
    log.recorder.flush()
    return services.look(homologation)


def settle(homologation: Homologation, *numbers: int) -> None:
    """Let cases be passed, all when none is named."""
    HomologationCase.objects.bulk_create(
        HomologationCase(homologation=homologation, number=case.number, state=State.PASSED)
        for case in CASES
        if not numbers or case.number in numbers
    )


def test_the_list_has_every_case_the_table_may_hold() -> None:
    assert [case.number for case in CASES] == list(range(1, CASES_IN_ALL + 1))


def test_a_case_ticks_itself_off_from_a_real_call_and_the_page_shows_it(
    ana: Client, erp: Erp, begun: Homologation
) -> None:
    assert erp.post("/products", product("A", images=[])).status_code == 201
    assert look(begun)[1].state == State.FAILING
    shown = ana.get(PAGE).content.decode()
    assert "O produto não tem foto" in shown
    assert "Sapatilha A" in shown
    assert erp.post("/products", product("B")).status_code == 201
    found = look(begun)[1]
    assert (found.state, found.problem) == (State.PASSED, {})
    assert found.call["request_id"]
    assert "2 de 43 aprovados" in ana.get(PAGE).content.decode()


def test_what_was_passed_stays_passed_also_when_the_log_is_forgotten(
    erp: Erp, begun: Homologation, seller: Seller
) -> None:
    erp.post("/products", product("B"))
    look(begun)
    erp.post("/products", product("A", categories=[]))
    assert look(begun)[1].state == State.PASSED
    ApiCall.objects.filter(seller=seller).delete()
    assert look(begun)[1].state == State.PASSED


def test_calls_from_before_the_beginning_do_not_count(erp: Erp, seller: Seller) -> None:
    erp.post("/products", product("B"))
    log.recorder.flush()
    later = services.start(seller, None, timezone.now() + timedelta(seconds=1))
    assert look(later) == {}


def test_other_sellers_calls_do_not_count(erp: Erp, begun: Homologation) -> None:
    stranger = Erp(make_seller("Beto", is_test=True))
    stranger.post("/products", product("B"))
    assert look(begun) == {}


def test_a_large_product_of_a_test_account_is_judged_whole_and_a_sellers_is_cut(
    erp: Erp, begun: Homologation
) -> None:
    long = product("A", description="x" * (KEPT_BYTES * 3))
    erp.post("/products", long)
    assert look(begun)[1].state == State.PASSED
    other = Erp(make_seller("Beto"))
    other.post("/products", long)
    log.recorder.flush()
    sizes = dict(ApiCall.objects.values_list("seller__name", "request_body"))
    assert len(sizes["Beto"]) == KEPT_BYTES
    assert KEPT_BYTES < len(sizes["Loja de Teste"]) < KEPT_BYTES_OF_TESTS


def test_only_so_much_is_looked_at_at_once(
    erp: Erp, begun: Homologation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "MOST_LETTERS", 1_000)
    erp.post("/products", product("A"))
    erp.post("/products", product("B", description="x" * 2_000))
    assert look(begun) == {}
    erp.put("/products/A", {"product": {"price": 12}})
    assert set(look(begun)) == {12}


def test_the_page_is_redrawn_only_when_something_changed(ana: Client, erp: Erp, begun: Homologation) -> None:
    first = ana.get(PAGE + "live/", {"seen": ""})
    assert first.status_code == 204
    erp.post("/products", product("B"))
    log.recorder.flush()
    drawn = ana.get(PAGE + "live/", {"seen": ""})
    assert "2 de 43" in drawn.content.decode()
    assert ana.get(PAGE + "live/", {"seen": drawn.context["version"]}).status_code == 204


def test_the_certificate_comes_when_every_case_is_settled_and_closes_the_list(
    ana: Client, begun: Homologation, seller: Seller
) -> None:
    settle(begun, *(case.number for case in CASES if case.number not in (8, 26)))
    ana.post(reverse("portal:homologation_certify"), {"integration": "Oca ERP"})
    begun.refresh_from_db()
    assert begun.certificate is None
    for number in (8, 26):
        ana.post(reverse("portal:homologation_unused", args=[number]), {"unused": "yes"})
    ana.post(reverse("portal:homologation_certify"), {"integration": "  "})
    begun.refresh_from_db()
    assert begun.certificate is None
    ana.post(reverse("portal:homologation_certify"), {"integration": "Oca  ERP çã 4.2"})
    begun.refresh_from_db()
    assert begun.certificate
    assert begun.closed_at
    assert begun.integration == "Oca ERP çã 4.2"
    assert begun.certificate in ana.get(PAGE).content.decode()
    paper = ana.get(reverse("portal:homologation_certificate", args=[begun.pk]))
    assert paper["Content-Type"] == "application/pdf"
    assert paper.content.startswith(b"%PDF")


def test_a_case_every_integration_needs_cannot_be_left_out(begun: Homologation, ana: Client) -> None:
    for number in (1, 99):
        with pytest.raises(Refusal):
            services.say_unused(begun, number, is_unused=True)
    assert ana.post(reverse("portal:homologation_unused", args=[1]), {"unused": "yes"}).status_code == 302
    assert not begun.cases.exists()


def test_what_was_left_out_is_taken_up_again_by_a_call_or_a_click(
    ana: Client, erp: Erp, begun: Homologation
) -> None:
    for number in (9, 24):
        ana.post(reverse("portal:homologation_unused", args=[number]), {"unused": "yes"})
    ana.post(reverse("portal:homologation_unused", args=[24]), {"unused": "no"})
    assert {one.number: one.state for one in begun.cases.all()} == {9: State.UNUSED}
    erp.post("/products", product("A", crossdocking=2, images=[]))
    assert look(begun)[9].state == State.UNUSED
    erp.post("/products", product("A", crossdocking=2))
    assert look(begun)[9].state == State.PASSED


def test_beginning_anew_ends_the_open_list_without_a_certificate(ana: Client, seller: Seller) -> None:
    for _click in range(2):
        ana.post(reverse("portal:homologation_start"))
    first, second = Homologation.objects.filter(seller=seller).order_by("id")
    assert first.closed_at
    assert first.certificate is None
    assert second.closed_at is None


def test_a_viewer_looks_and_changes_nothing(seller: Seller, begun: Homologation) -> None:
    viewer = sign_in(make_member(seller, Membership.Role.VIEWER))
    assert viewer.get(PAGE).status_code == 200
    for name, arguments in (("start", []), ("certify", []), ("unused", [8])):
        assert viewer.post(reverse(f"portal:homologation_{name}", args=arguments)).status_code == 403
    assert not begun.cases.exists()


def test_a_production_account_reads_what_a_test_account_is_for(client: Client) -> None:
    seller = make_seller("Loja")
    browser = sign_in(make_member(seller))
    shown = browser.get(PAGE).content.decode()
    assert "conta de teste" in shown
    assert "homologation_start" not in shown
    assert "/portal/homologation/" not in browser.get("/portal/account/keys/").content.decode()
    browser.post(reverse("portal:homologation_start"))
    assert not Homologation.objects.exists()
    erp = Erp(seller)
    error_of(erp.get("/homologation"), 403)
    error_of(erp.post("/homologation", None), 403)


def test_nobody_gets_another_sellers_certificate(begun: Homologation) -> None:
    settle(begun)
    services.certify(begun, "Oca ERP")
    stranger = sign_in(make_member(make_seller("Beto", is_test=True)))
    assert stranger.get(reverse("portal:homologation_certificate", args=[begun.pk])).status_code == 404


def test_the_api_shows_the_list_in_the_clients_language(erp: Erp, begun: Homologation) -> None:
    erp.post("/products", product("A", images=[]))
    log.recorder.flush()
    shown = erp.get("/homologation", **{"Accept-Language": "en"}).json()
    assert (shown["passed"], shown["missing"], len(shown["cases"])) == (0, 43, 43)
    first = shown["cases"][0]
    assert (first["state"], first["optional"]) == ("failing", False)
    assert "no photo" in first["problem"]
    assert "não tem foto" in erp.get("/homologation").json()["cases"][0]["problem"]


def test_a_rehearsal_of_production_refuses_what_production_refuses(erp: Erp) -> None:
    order = {"order": {"channel": "T", "items": [{"id": "A", "qty": 1}]}}
    question = {"question": {"platform": "B2W", "text": "Serve?"}}
    rehearsed = {"X-Hub-Rehearse": "production"}
    error_of(erp.post("/orders", order, **rehearsed), 403)
    error_of(erp.post("/orders/T-1/approval", {}, **rehearsed), 403)
    error_of(erp.post("/questions", question, **rehearsed), 403)
    assert erp.post("/questions", question).status_code == 201


def test_staff_finds_a_certificate_by_its_number(begun: Homologation, staff: Client) -> None:
    settle(begun)
    done = services.certify(begun, "Oca ERP")
    shown = staff.get("/admin/hub/homologation/", {"q": done.certificate}).content.decode()
    assert "Oca ERP" in shown
    assert "43 / 43" in shown
    assert "Oca ERP" not in staff.get("/admin/hub/homologation/", {"q": "XXXX"}).content.decode()


def test_the_database_holds_one_open_list_a_seller_and_known_cases_only(begun: Homologation) -> None:
    for row in (
        Homologation(seller=begun.seller, started_at=timezone.now()),
        Homologation(seller=begun.seller, started_at=timezone.now(), certificate="A"),
        HomologationCase(homologation=begun, number=44, state=State.PASSED),
        HomologationCase(homologation=begun, number=1, state="lost"),
    ):
        with pytest.raises((IntegrityError, ValidationError)), transaction.atomic():
            row.save()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"X-User-Email": ""}, "no_email"),
        ({"X-Api-Key": ""}, "no_key"),
        ({"X-User-Email": "x@example.com"}, "wrong_email"),
        ({"X-Api-Key": "nobody-has-this"}, "wrong_key"),
        ({"X-Accountmanager-Key": ""}, "no_account_manager"),
    ],
)
def test_the_log_says_why_a_caller_was_turned_away(
    erp: Erp, seller: Seller, change: dict[str, str], reason: str
) -> None:
    seller.strict_account_manager = True
    seller.save()
    assert erp.get("/products", **change).status_code == 401
    log.recorder.flush()
    assert [one.turned_away for one in ApiCall.objects.filter(seller=seller)] == [reason]
