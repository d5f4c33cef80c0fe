"""Who gets in, by which door, and what those outside are told."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from hub.models import Membership, Seller, User
from tests.portal.conftest import PASSWORD

LOGIN = "/portal/login/"
QUEUE = "/portal/orders/queue/"


def sign_in(client: Client, email: str, password: str = PASSWORD, door: str = LOGIN, **more: str) -> int:
    return client.post(door, {"username": email, "password": password, **more}).status_code


def test_a_member_signs_in_by_e_mail_whatever_its_case(anonymous: Client, owner: User) -> None:
    response = anonymous.post(LOGIN, {"username": "ANA@Example.com", "password": PASSWORD})
    assert (response.status_code, response["Location"]) == (302, "/portal/")


def test_the_page_asked_for_comes_after_the_sign_in(anonymous: Client, owner: User) -> None:
    wanted = reverse("portal:orders_order_changelist")
    asked = anonymous.get(wanted)
    response = anonymous.post(
        asked["Location"], {"username": owner.email, "password": PASSWORD, "next": wanted}
    )
    assert response["Location"] == wanted


def test_a_form_sent_after_the_session_ended_leads_back_to_its_page(anonymous: Client, owner: User) -> None:
    page = f"http://testserver{QUEUE}?parked=1"
    sent = anonymous.post(reverse("portal:orders_queue_parked"), headers={"referer": page}, follow=True)
    assert "Sua sessão havia terminado: o que você enviou não foi salvo." in sent.content.decode()
    sign_in_page, _status = sent.redirect_chain[-1]
    response = anonymous.post(sign_in_page, {"username": owner.email, "password": PASSWORD})
    assert response["Location"] == f"{QUEUE}?parked=1"
    assert anonymous.get(response["Location"]).status_code == 200


@pytest.mark.parametrize("page", ["", "https://elsewhere.example/portal/", "http://testserver/admin/", "x"])
def test_a_form_from_no_page_of_the_portal_leads_to_its_start(
    anonymous: Client, owner: User, page: str
) -> None:
    sent = anonymous.post(reverse("portal:orders_queue_parked"), headers={"referer": page})
    response = anonymous.post(sent["Location"], {"username": owner.email, "password": PASSWORD})
    assert response["Location"] == "/portal/"


def test_a_part_of_a_page_asked_for_after_the_session_ended_leads_the_whole_page_to_the_sign_in(
    anonymous: Client,
) -> None:
    page = {"referer": f"http://testserver{QUEUE}", "hx-request": "true"}
    answer = anonymous.get(reverse("portal:homologation_live"), headers=page)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer["HX-Redirect"] == f"{LOGIN}?next={QUEUE}"


def test_an_address_that_only_takes_forms_leads_to_a_page(ana: Client) -> None:
    action = reverse("portal:orders_queue_parked")
    assert ana.get(action)["Location"] == "/portal/"
    for before, leads_to in ((QUEUE, QUEUE), (LOGIN, "/portal/"), (action, "/portal/")):
        answer = ana.get(action, headers={"referer": f"http://testserver{before}"})
        assert (answer.status_code, answer["Location"]) == (302, leads_to)
    assert "Nada foi feito" in ana.get(action, follow=True).content.decode()
    assert ana.put(action).status_code == 405


def test_sellers_never_enter_the_staff_site(ana: Client, anonymous: Client, owner: User) -> None:
    assert ana.get("/admin/").status_code == 302
    assert sign_in(anonymous, owner.email, door="/admin/login/") == 200
    assert "_auth_user_id" not in anonymous.session


def test_staff_without_a_seller_is_told_where_to_go(anonymous: Client, staff: Client) -> None:
    response = anonymous.post(LOGIN, {"username": "staff@example.com", "password": PASSWORD})
    assert response.status_code == 200
    assert "/admin/" in response.content.decode()
    assert staff.get("/portal/").status_code == 302
    assert "staff@example.com" in staff.get(LOGIN).content.decode()


@pytest.mark.parametrize("what", ["seller", "person"])
def test_what_is_switched_off_stays_outside(anonymous: Client, owner: User, shop: Seller, what: str) -> None:
    if what == "seller":
        Seller.objects.filter(pk=shop.pk).update(is_active=False)
    else:
        User.objects.filter(pk=owner.pk).update(is_active=False)
    assert sign_in(anonymous, owner.email) == 200


def test_a_removed_member_is_out_at_the_next_click(ana: Client, owner: User) -> None:
    assert ana.get("/portal/").status_code == 200
    Membership.objects.filter(user=owner).delete()
    assert ana.get("/portal/").status_code == 302


def test_five_failures_lock_the_door_with_a_clear_page(anonymous: Client, owner: User) -> None:
    # Writing the address differently buys no sixth attempt.
    typed = ["ana@example.com", "ANA@example.com", "Ana@example.com", " ana@example.com", "ana@Example.com"]
    answers = [sign_in(anonymous, email, "wrong") for email in typed]
    assert answers[-1] == 429
    response = anonymous.post(LOGIN, {"username": owner.email, "password": PASSWORD})
    assert response.status_code == 429
    assert "15" in response.content.decode()


def test_two_step_sign_in_is_set_up_used_and_turned_off(ana: Client, anonymous: Client, owner: User) -> None:
    page = reverse("portal:account_two_step")
    assert "<svg" in ana.get(page).content.decode()
    device = TOTPDevice.objects.get(user=owner)
    assert ana.post(page, {"token": "000000"}).status_code == 400
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)

    shown = ana.post(page, {"token": code_of(device)}).content.decode()
    recovery = re.search(r'id="codes">([a-z2-7]+)', shown)
    assert recovery is not None

    assert sign_in(anonymous, owner.email) == 200
    assert sign_in(anonymous, owner.email, otp_token=recovery.group(1)) == 302
    anonymous.logout()
    assert sign_in(anonymous, owner.email, otp_token=recovery.group(1)) == 200, "a recovery code works once"

    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None, last_t=-1)
    assert ana.post(page, {"token": code_of(device)}).status_code == 302
    assert not TOTPDevice.objects.filter(user=owner).exists()


def code_of(device: TOTPDevice) -> str:
    return str(TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift).token()).zfill(6)


def test_the_language_is_chosen_on_the_sign_in_page_and_kept(anonymous: Client, owner: User) -> None:
    assert 'lang="pt-br"' in anonymous.get(LOGIN).content.decode()
    response = anonymous.post("/i18n/setlang/", {"language": "en", "next": LOGIN})
    assert response["Location"] == LOGIN
    page = anonymous.get(LOGIN).content.decode()
    assert 'lang="en"' in page
    assert "Log in" in page


def test_people_go_to_the_portal_and_programs_are_told_of_the_api(client: Client) -> None:
    assert client.get("/", headers={"accept": "text/html,*/*"})["Location"] == "/portal/"
    assert client.get("/", headers={"accept": "application/json"}).json()["docs"].endswith("/docs/")


def test_signing_out_ends_the_session(ana: Client) -> None:
    ana.post("/portal/logout/")
    assert ana.get("/portal/").status_code == 302


def test_a_person_changes_their_own_password(ana: Client, anonymous: Client, owner: User) -> None:
    new = "another horse battery"
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert ana.post("/portal/password_change/", form).status_code == 302
    assert sign_in(anonymous, owner.email, new) == 302


def test_a_stranger_may_not_choose_a_seller(stranger: Client, shop: Seller) -> None:
    stranger.post(reverse("portal:switch_seller"), {"seller": shop.pk})
    assert shop.name not in stranger.get("/portal/").content.decode()
    for nonsense in ("", "x", "-1", "²", "9" * 40, "9" * 5000):
        assert stranger.post(reverse("portal:switch_seller"), {"seller": nonsense}).status_code == 302


def test_staff_that_opens_the_door_itself_comes_to_the_staff_site(anonymous: Client, staff: Client) -> None:
    door = anonymous.get("/admin/login/").content.decode()
    assert '<input type="hidden" name="next" value="/admin/">' in door
