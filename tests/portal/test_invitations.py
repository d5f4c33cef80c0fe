"""Nobody works for a seller by having made a sign-in under the right person's e-mail before."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from axes.models import AccessAttempt
from django.db import connection as database
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from hub import people
from hub.models import Invitation, Membership, Seller, User
from tests import make
from tests.portal.conftest import PASSWORD, sign_in

VICTIM = "victim@example.com"
EVIL_PASSWORD = "known to the wrong person"
NEW_PASSWORD = "a password nobody else knows"
MEMBERS = reverse("portal:account_members")


def link_in(page: Any) -> str:
    """The one-time link a page shows."""
    found = re.search(r"http://testserver(/(?:password|invitation)/[\w/-]+)", page.content.decode())
    assert found is not None, page.content.decode()
    return found[1]


def set_password(link: str, password: str) -> Any:
    """Follow a first-password link and use its form, if there is one."""
    client = Client(headers={"accept": "text/html"})
    form = client.get(link, follow=True).request["PATH_INFO"]
    return client.post(form, {"new_password1": password, "new_password2": password})


def accept(link: str, password: str, new: str = NEW_PASSWORD, **more: str) -> Any:
    """Follow an invitation's link and use its form, if there is one."""
    client = Client(headers={"accept": "text/html"})
    opened = client.get(link)
    if opened.status_code != 302:
        return opened
    form = {"password": password, "new_password1": new, "new_password2": new, **more}
    return client.post(opened["Location"], form)


def works_for(email: str) -> set[str]:
    return set(Membership.objects.filter(user__email=email).values_list("seller__name", flat=True))


@pytest.fixture
def evil(db: None) -> Client:
    """The owner of another seller, who is first to type the victim's e-mail."""
    return sign_in(make.make_member(make.make_seller("Evil"), email="evil@example.com"))


@pytest.fixture
def evil_link(evil: Client) -> str:
    return link_in(evil.post(MEMBERS, {"email": VICTIM, "role": "viewer"}))


# --- somebody else made the sign-in -------------------------------------------------------------


def test_a_first_password_link_dies_when_the_person_becomes_an_owner_elsewhere(
    staff: Client, evil: Client, evil_link: str
) -> None:
    staff.post("/admin/hub/seller/add/", {"name": "Real", "owner": VICTIM})
    assert works_for(VICTIM) == {"Evil", "Real"}

    set_password(evil_link, EVIL_PASSWORD)

    person = User.objects.get(email=VICTIM)
    assert not person.has_usable_password()
    again = evil.post(reverse("portal:account_member_link", args=[person.memberships.earliest("id").pk]))
    assert again.status_code == 302, "and no owner can make another"
    set_password(link_in(staff.post(f"/admin/hub/user/{person.pk}/password_link/")), NEW_PASSWORD)
    person.refresh_from_db()
    assert person.check_password(NEW_PASSWORD), "the hub's staff can"


def test_a_first_password_link_dies_when_the_person_leaves(evil_link: str) -> None:
    people.remove_member(Membership.objects.get(user__email=VICTIM))

    set_password(evil_link, EVIL_PASSWORD)

    assert not User.objects.get(email=VICTIM).has_usable_password()


def test_a_password_set_before_the_account_was_opened_opens_nothing(staff: Client, evil_link: str) -> None:
    set_password(evil_link, EVIL_PASSWORD)
    person = User.objects.get(email=VICTIM)
    signed_in = sign_in(person)

    page = staff.post("/admin/hub/seller/add/", {"name": "Real", "owner": VICTIM}, follow=True)

    assert VICTIM in page.content.decode()
    assert works_for(VICTIM) == {"Evil"}
    assert "Real" not in signed_in.get("/portal/").content.decode()


def test_a_password_set_before_another_seller_added_the_person_opens_nothing(
    ana: Client, shop: Seller, evil_link: str
) -> None:
    set_password(evil_link, EVIL_PASSWORD)

    link = link_in(ana.post(MEMBERS, {"email": VICTIM, "role": "owner"}))

    assert works_for(VICTIM) == {"Evil"}
    assert accept(link, "what the victim might have chosen").status_code == 200
    assert works_for(VICTIM) == {"Evil"}


def test_the_hubs_support_gives_the_right_person_the_sign_in_and_the_invitation_then_works(
    ana: Client, shop: Seller, staff: Client, evil_link: str
) -> None:
    set_password(evil_link, EVIL_PASSWORD)
    person = User.objects.get(email=VICTIM)
    evils_browser = sign_in(person)
    link = link_in(ana.post(MEMBERS, {"email": VICTIM, "role": "owner"}))

    set_password(link_in(staff.post(f"/admin/hub/user/{person.pk}/password_link/")), "handed over by staff")
    assert accept(link, "handed over by staff").status_code == 302

    assert works_for(VICTIM) == {"Evil", shop.name}
    assert evils_browser.get("/portal/").status_code == 302


@pytest.mark.django_db(transaction=True)
def test_a_password_typed_while_the_person_becomes_an_owner_is_not_kept() -> None:
    person = make.make_member(make.make_seller("Evil"), email=VICTIM)
    link = people.password_path(person)
    answers: list[Any] = []
    with transaction.atomic():
        people.open_account(name="Real", email=VICTIM)
        typing = elsewhere(answers, lambda: set_password(link, EVIL_PASSWORD))
        until_somebody_waits()
    typing.join()

    person.refresh_from_db()
    assert works_for(VICTIM) == {"Evil", "Real"}
    assert not person.has_usable_password()
    assert "new_password1" not in answers[0].content.decode()


def elsewhere(answers: list[Any], act: Callable[[], Any]) -> threading.Thread:
    """Do something in a process of its own, as far as the database can tell."""

    def run() -> None:
        try:
            answers.append(act())
        finally:
            database.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def until_somebody_waits() -> None:
    for _try in range(500):
        with database.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
        time.sleep(0.02)
    pytest.fail("nobody waits for the person's row")


@pytest.mark.parametrize("site", ["portal", "admin"])
@pytest.mark.django_db(transaction=True)
def test_a_password_changed_while_the_invitation_is_accepted_is_not_kept(site: str) -> None:
    known = make.make_member(make.make_seller("Evil"), email=VICTIM, password=EVIL_PASSWORD, is_staff=True)
    invitation = people.add_member(make.make_seller("Real"), email=VICTIM, role="owner")
    assert isinstance(invitation, Invitation)
    browser = sign_in(known)
    form = {
        "old_password": EVIL_PASSWORD,
        "new_password1": "evil again 123",
        "new_password2": "evil again 123",
    }
    answers: list[Any] = []
    with transaction.atomic():
        assert people.accept(invitation, NEW_PASSWORD)
        changing = elsewhere(answers, lambda: browser.post(f"/{site}/password_change/", form))
        until_somebody_waits()
    changing.join()

    assert answers[0].status_code == 403
    known.refresh_from_db()
    assert known.check_password(NEW_PASSWORD)


# --- an honest person with two shops ------------------------------------------------------------


@pytest.fixture
def nova(db: None) -> User:
    """Works for another shop, with a password of her own."""
    return make.make_member(make.make_seller("Primeira"), email="nova@example.com", password=PASSWORD)


@pytest.fixture
def link(ana: Client, nova: User) -> str:
    """Ana's invitation to Nova."""
    return link_in(ana.post(MEMBERS, {"email": "Nova@example.com", "role": "operator"}))


def test_who_has_a_sign_in_comes_in_with_the_link_and_the_password(
    link: str, nova: User, shop: Seller, anonymous: Client
) -> None:
    old_browser = sign_in(nova)
    page = anonymous.get(link, follow=True).content.decode()
    assert shop.name in page
    assert nova.email in page
    assert works_for(nova.email) == {"Primeira"}

    assert accept(link, PASSWORD)["Location"] == "/portal/login/"

    assert works_for(nova.email) == {"Primeira", shop.name}
    assert Membership.objects.get(seller=shop, user=nova).role == "operator"
    nova.refresh_from_db()
    assert nova.check_password(NEW_PASSWORD)
    assert old_browser.get("/portal/").status_code == 302, "whoever knew the old password is out"
    assert accept(link, NEW_PASSWORD, "and once more a new one").status_code == 404
    assert not Invitation.objects.exists()


@pytest.mark.parametrize(
    ("password", "new"),
    [("wrong", NEW_PASSWORD), ("", NEW_PASSWORD), (PASSWORD, "123"), (PASSWORD, PASSWORD), ("\x00", "\x00")],
)
def test_a_wrong_or_a_kept_password_lets_nobody_in(link: str, nova: User, password: str, new: str) -> None:
    assert accept(link, password, new).status_code == 200

    assert works_for(nova.email) == {"Primeira"}
    nova.refresh_from_db()
    assert nova.check_password(PASSWORD)


def test_an_invitation_asks_for_the_authenticators_code_too(link: str, nova: User, shop: Seller) -> None:
    device = TOTPDevice.objects.create(user=nova, confirmed=True)

    assert accept(link, PASSWORD).status_code == 200
    assert works_for(nova.email) == {"Primeira"}
    code = f"{totp(device.bin_key):06d}"
    assert accept(link, PASSWORD, otp_token=code).status_code == 302
    assert shop.name in works_for(nova.email)


def test_guessing_at_an_invitation_is_locked_out(link: str, nova: User, settings: Any) -> None:
    settings.AXES_ENABLED = True
    answers = [accept(link, f"guess {number}").status_code for number in range(30)]

    assert answers[-1] == 429
    assert accept(link, PASSWORD).status_code == 429
    assert works_for(nova.email) == {"Primeira"}


def test_what_guesses_are_noted_with_holds_neither_a_new_password_nor_a_code_nor_a_link(
    link: str, nova: User, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.AXES_ENABLED = True
    TOTPDevice.objects.create(user=nova, confirmed=True)
    accept(link, "wrong", otp_token="recover7")
    form = {"username": nova.email, "password": "wrong", "otp_token": "recover7"}
    Client().post(reverse("portal:login"), form)

    noted = f"{AccessAttempt.objects.values_list().get()} {caplog.text}"
    assert nova.email in noted
    for secret in (NEW_PASSWORD, "recover7", link.rstrip("/").rpartition("/")[2]):
        assert secret not in noted


@pytest.mark.parametrize("days", [3, 30])
def test_an_invitation_is_over_after_three_days(link: str, nova: User, days: int) -> None:
    with mock.patch("django.utils.timezone.now", return_value=timezone.now() + timedelta(days=days)):
        assert accept(link, PASSWORD).status_code == 404
    assert works_for(nova.email) == {"Primeira"}


@pytest.mark.parametrize("who", ["the seller", "the person"])
def test_an_invitation_of_who_is_switched_off_is_over(link: str, nova: User, shop: Seller, who: str) -> None:
    model, pk = (Seller, shop.pk) if who == "the seller" else (User, nova.pk)
    model.objects.filter(pk=pk).update(is_active=False)  # type: ignore[attr-defined]

    assert accept(link, PASSWORD).status_code == 404
    assert Client().get(link).status_code == 404


def test_no_address_that_was_made_up_is_an_invitation(db: None) -> None:
    for made_up in ("x", "x" * 43, "%00", "%ff"):
        assert Client().get(f"/invitation/{made_up}/").status_code == 404


def test_a_new_link_ends_the_one_before(link: str, ana: Client, nova: User, shop: Seller) -> None:
    invitation = Invitation.objects.get()

    new = link_in(ana.post(reverse("portal:account_invitation_link", args=[invitation.pk])))

    assert accept(link, PASSWORD).status_code == 404
    assert accept(new, PASSWORD).status_code == 302
    assert shop.name in works_for(nova.email)


def test_inviting_again_changes_the_role_and_ends_the_link_before(
    link: str, ana: Client, nova: User, shop: Seller
) -> None:
    new = link_in(ana.post(MEMBERS, {"email": nova.email, "role": "viewer"}))

    assert accept(link, PASSWORD).status_code == 404
    accept(new, PASSWORD)
    assert Membership.objects.get(seller=shop, user=nova).role == "viewer"


def test_an_invitation_is_shown_and_withdrawn(link: str, ana: Client, nova: User) -> None:
    assert nova.email in ana.get(MEMBERS).content.decode()

    ana.post(reverse("portal:account_invitation_withdraw", args=[Invitation.objects.get().pk]))

    assert nova.email not in ana.get(MEMBERS).content.decode().partition("<main")[2]
    assert accept(link, PASSWORD).status_code == 404


def test_only_the_sellers_own_owner_touches_an_invitation(
    link: str, stranger: Client, oscar: Client, nova: User
) -> None:
    invitation = Invitation.objects.get()
    for name in ("account_invitation_link", "account_invitation_withdraw"):
        address = reverse(f"portal:{name}", args=[invitation.pk])
        assert stranger.post(address).status_code == 404
        assert oscar.post(address).status_code == 403
    assert accept(link, PASSWORD).status_code == 302


# --- what staff does ----------------------------------------------------------------------------


def test_staff_adds_a_person_who_has_no_sign_in_and_invites_one_who_has(
    staff: Client, shop: Seller, nova: User
) -> None:
    address = f"/admin/hub/seller/{shop.pk}/add_people/"
    staff.post(address, {"email": "fresh@example.com", "role": "owner"})
    assert works_for("fresh@example.com") == {shop.name}

    link = link_in(staff.post(address, {"email": nova.email, "role": "owner"}))

    assert works_for(nova.email) == {"Primeira"}
    assert nova.email in staff.get(address).content.decode()
    assert accept(link, PASSWORD).status_code == 302
    assert works_for(nova.email) == {"Primeira", shop.name}


def test_staff_makes_a_new_link_and_withdraws_an_invitation(staff: Client, shop: Seller, link: str) -> None:
    address = f"/admin/hub/seller/{shop.pk}/add_people/"
    invitation = Invitation.objects.get()

    new = link_in(staff.post(address, {"link": invitation.pk}))
    assert Client().get(link).status_code == 404
    assert Client().get(new, follow=True).status_code == 200
    staff.post(address, {"withdraw": invitation.pk})

    assert not Invitation.objects.exists()
    for nonsense in ("", "x", "9" * 5000):
        assert staff.post(address, {"link": nonsense}).status_code == 404


def test_the_list_of_members_lets_nobody_in(staff: Client, shop: Seller, owner: User, nova: User) -> None:
    form = {
        "name": shop.name,
        "is_active": "on",
        "memberships-TOTAL_FORMS": "1",
        "memberships-INITIAL_FORMS": "0",
        "memberships-0-user": nova.pk,
        "memberships-0-seller": shop.pk,
        "memberships-0-role": "owner",
    }

    staff.post(f"/admin/hub/seller/{shop.pk}/change/", form)

    assert works_for(nova.email) == {"Primeira"}


def test_a_sign_in_that_becomes_staffs_begins_anew(staff: Client, evil_link: str) -> None:
    set_password(evil_link, EVIL_PASSWORD)
    person = User.objects.get(email=VICTIM)
    TOTPDevice.objects.create(user=person, confirmed=True)
    browser = sign_in(person)
    form = {"email": VICTIM, "name": "", "is_active": "on", "is_staff": "on", "is_superuser": "on"}

    assert staff.post(f"/admin/hub/user/{person.pk}/change/", form).status_code == 302

    person.refresh_from_db()
    assert person.is_staff
    assert not person.has_usable_password()
    assert browser.get("/admin/").status_code == 302
    assert not TOTPDevice.objects.filter(user=person).exists()


def test_a_first_password_link_dies_when_the_person_becomes_staff(staff: Client, evil_link: str) -> None:
    person = User.objects.get(email=VICTIM)
    form = {"email": VICTIM, "name": "", "is_active": "on", "is_staff": "on"}
    staff.post(f"/admin/hub/user/{person.pk}/change/", form)

    set_password(evil_link, EVIL_PASSWORD)

    person.refresh_from_db()
    assert not person.has_usable_password()


def test_staff_that_stays_staff_keeps_the_password(staff: Client) -> None:
    boss = User.objects.get(email="staff@example.com")
    form = {"email": boss.email, "name": "Boss", "is_active": "on", "is_staff": "on", "is_superuser": "on"}

    staff.post(f"/admin/hub/user/{boss.pk}/change/", form)

    boss.refresh_from_db()
    assert (boss.name, boss.check_password(PASSWORD)) == ("Boss", True)
