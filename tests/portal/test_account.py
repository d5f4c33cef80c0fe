"""API keys, members and settings: owners manage, others look; secrets are shown once."""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice

from hub.models import ApiKey, Membership, Seller, User
from tests import make
from tests.portal.conftest import sign_in

KEYS = reverse("portal:account_keys")
MEMBERS = reverse("portal:account_members")
SETTINGS = reverse("portal:account_settings")


def page(client: Client, address: str) -> str:
    return client.get(address).content.decode()


def membership(user: User) -> Membership:
    return Membership.objects.get(user=user)


def test_a_new_key_is_shown_once_and_works(ana: Client, shop: Seller) -> None:
    response = ana.post(KEYS, {"name": "Bling"})
    shown = response.content.decode()
    secret = re.search(r"X-Api-Key: ([\w-]{40,})", shown)
    assert secret is not None
    assert "no-store" in response["Cache-Control"]
    assert "X-User-Email: ana@example.com" in shown
    found = ApiKey.find(secret.group(1))
    assert found is not None
    assert (found.seller, found.name, found.created_by and found.created_by.email) == (
        shop,
        "Bling",
        "ana@example.com",
    )
    listed = page(ana, KEYS)
    assert secret.group(1) not in listed
    assert found.prefix in listed


def test_a_replaced_key_stops_at_once_and_keeps_its_name(ana: Client, shop: Seller) -> None:
    old, secret = make.make_api_key(shop, "Tiny")
    shown = ana.post(reverse("portal:account_key_rotate", args=[old.pk])).content.decode()
    assert ApiKey.find(secret) is None
    new = re.search(r"X-Api-Key: ([\w-]{40,})", shown)
    assert new is not None
    found = ApiKey.find(new.group(1))
    assert found is not None
    assert found.name == "Tiny"


def test_a_revoked_key_is_over(ana: Client, shop: Seller) -> None:
    key, secret = make.make_api_key(shop)
    ana.post(reverse("portal:account_key_revoke", args=[key.pk]))
    assert ApiKey.find(secret) is None
    assert ana.post(reverse("portal:account_key_rotate", args=[key.pk])).status_code == 404


def test_a_stranger_cannot_touch_the_key(stranger: Client, shop: Seller) -> None:
    key, secret = make.make_api_key(shop)
    for name in ("account_key_rotate", "account_key_revoke"):
        assert stranger.post(reverse(f"portal:{name}", args=[key.pk])).status_code == 404
    assert ApiKey.find(secret) == key


@pytest.mark.parametrize("role", [Membership.Role.OPERATOR, Membership.Role.VIEWER])
def test_only_owners_manage_keys_people_and_settings(shop: Seller, owner: User, role: str) -> None:
    client = sign_in(make.make_member(shop, role))
    key, _secret = make.make_api_key(shop)
    boss = membership(owner)
    posts = {
        KEYS: {"name": "x"},
        reverse("portal:account_key_rotate", args=[key.pk]): {},
        reverse("portal:account_key_revoke", args=[key.pk]): {},
        MEMBERS: {"email": "x@example.com", "role": "owner"},
        reverse("portal:account_member_role", args=[boss.pk]): {"role": "viewer"},
        reverse("portal:account_member_remove", args=[boss.pk]): {},
        reverse("portal:account_member_link", args=[boss.pk]): {},
        SETTINGS: {"strict_create": "on"},
    }
    for address, form in posts.items():
        assert client.post(address, form).status_code == 403, address
    for address in (KEYS, MEMBERS, SETTINGS):
        assert client.get(address).status_code == 200
    assert ApiKey.objects.get().revoked_at is None
    assert User.objects.filter(email="x@example.com").count() == 0
    assert membership(owner).role == "owner"


def test_a_new_person_gets_a_link_that_sets_a_password_once(ana: Client, anonymous: Client) -> None:
    shown = ana.post(MEMBERS, {"email": "Nova@Example.com", "name": "Nova", "role": "operator"})
    link = re.search(r"http://testserver(/password/[^<\s]+)", shown.content.decode())
    assert link is not None
    form_page = anonymous.get(link.group(1), follow=True)
    password = {"new_password1": "a long new secret", "new_password2": "a long new secret"}
    assert anonymous.post(form_page.request["PATH_INFO"], password)["Location"] == "/portal/login/"
    typed = {"username": "nova@example.com", "password": "a long new secret"}
    assert anonymous.post("/portal/login/", typed).status_code == 302
    second = Client().get(link.group(1), follow=True).content.decode()
    assert "new_password1" not in second


def test_somebody_who_has_a_sign_in_is_only_invited(ana: Client, stranger: Client, shop: Seller) -> None:
    response = ana.post(MEMBERS, {"email": "beto@example.com", "role": "viewer"})
    assert "/password/" not in response.content.decode()
    assert not Membership.objects.filter(seller=shop, user__email="beto@example.com").exists()


def test_no_link_opens_an_account_that_is_somebody_elses_too(ana: Client, shop: Seller) -> None:
    other = make.make_seller()
    invited = make.make_member(other, email="nova@example.com")
    mine = Membership.objects.create(seller=shop, user=invited, role="viewer")
    response = ana.post(reverse("portal:account_member_link", args=[mine.pk]))
    assert response.status_code == 302
    known = make.make_member(shop, email="known@example.com", password="a long secret")
    response = ana.post(reverse("portal:account_member_link", args=[membership(known).pk]))
    assert response.status_code == 302


def test_the_same_person_is_not_added_twice(ana: Client, oscar: Client) -> None:
    response = ana.post(MEMBERS, {"email": "oscar@example.com", "role": "owner"})
    assert response.status_code == 400
    assert Membership.objects.get(user__email="oscar@example.com").role == "operator"


def test_the_last_owner_can_neither_leave_nor_step_down(ana: Client, owner: User, shop: Seller) -> None:
    me = membership(owner)
    asleep = make.make_member(shop, email="gone@example.com", is_active=False)
    assert membership(asleep).role == "owner"
    ana.post(reverse("portal:account_member_remove", args=[me.pk]))
    ana.post(reverse("portal:account_member_role", args=[me.pk]), {"role": "viewer"})
    assert membership(owner).role == "owner"
    make.make_member(shop, email="second@example.com", password="correct horse battery")
    ana.post(reverse("portal:account_member_role", args=[me.pk]), {"role": "viewer"})
    assert membership(owner).role == "viewer"


def test_an_owner_who_never_set_a_password_does_not_stand_in(ana: Client, owner: User, shop: Seller) -> None:
    ana.post(MEMBERS, {"email": "new@example.com", "role": "owner"})
    ana.post(reverse("portal:account_member_role", args=[membership(owner).pk]), {"role": "viewer"})
    assert membership(owner).role == "owner"


def test_roles_are_changed_and_people_removed(ana: Client, oscar: Client, shop: Seller) -> None:
    him = Membership.objects.get(user__email="oscar@example.com")
    ana.post(reverse("portal:account_member_role", args=[him.pk]), {"role": "emperor"})
    assert Membership.objects.get(pk=him.pk).role == "operator"
    ana.post(reverse("portal:account_member_role", args=[him.pk]), {"role": "viewer"})
    assert Membership.objects.get(pk=him.pk).role == "viewer"
    ana.post(reverse("portal:account_member_remove", args=[him.pk]))
    assert oscar.get("/portal/").status_code == 302


def test_an_owner_decides_how_the_api_behaves(ana: Client, shop: Seller) -> None:
    ana.post(SETTINGS, {"strict_create": "on"})
    shop.refresh_from_db()
    assert (shop.strict_account_manager, shop.strict_create, shop.auto_advance) == (False, True, False)
    assert shop.is_active


def test_staff_opens_an_account_and_its_first_key(staff: Client) -> None:
    staff.post("/admin/hub/seller/add/", {"name": "Nova loja", "owner": "dona@example.com"})
    seller = Seller.objects.get(name="Nova loja")
    assert seller.memberships.get().user.email == "dona@example.com"
    assert seller.memberships.get().role == "owner"
    address = f"/admin/hub/seller/{seller.pk}/api_keys/"
    shown = staff.post(address, {"name": "ERP"}).content.decode()
    secret = re.search(r"X-Api-Key: ([\w-]{40,})", shown)
    assert secret is not None
    assert ApiKey.find(secret.group(1)) is not None
    assert secret.group(1) not in page(staff, address)
    staff.post(address, {"revoke": ApiKey.objects.get().pk})
    assert ApiKey.find(secret.group(1)) is None


@pytest.mark.parametrize("nonsense", ["", "x", "²", "9" * 40, "9" * 5000], ids=len)
def test_what_can_be_no_key_is_not_found(staff: Client, shop: Seller, nonsense: str) -> None:
    _key, secret = make.make_api_key(shop)
    for what in ("rotate", "revoke"):
        answer = staff.post(f"/admin/hub/seller/{shop.pk}/api_keys/", {what: nonsense})
        assert answer.status_code == 404
    assert ApiKey.find(secret) is not None


def test_staff_makes_a_password_link(staff: Client, owner: User) -> None:
    address = f"/admin/hub/user/{owner.pk}/password_link/"
    assert "/password/" not in page(staff, address)
    assert "/password/" in staff.post(address).content.decode()


def test_staff_without_full_rights_cannot_take_over_a_superuser(staff: Client) -> None:
    clerk = User.objects.create_user("clerk@example.com", is_staff=True)
    clerk.user_permissions.add(*Permission.objects.filter(codename__in=["change_user", "view_user"]))
    boss = User.objects.get(email="staff@example.com")
    assert sign_in(clerk).post(f"/admin/hub/user/{boss.pk}/password_link/").status_code == 403


@pytest.mark.parametrize("name", ["seller", "user", "apikey"])
def test_staff_pages_open(staff: Client, owner: User, shop: Seller, name: str) -> None:
    make.make_api_key(shop)
    row = {"seller": shop, "user": owner, "apikey": ApiKey.objects.get()}[name]
    assert staff.get(f"/admin/hub/{name}/?q=a").status_code == 200
    assert staff.get(f"/admin/hub/{name}/{row.pk}/change/").status_code == 200


def test_staff_turns_the_second_step_off_for_who_lost_it(staff: Client, owner: User) -> None:
    TOTPDevice.objects.create(user=owner, confirmed=True)
    address = f"/admin/hub/user/{owner.pk}/reset_two_step/"
    staff.get(address)
    assert TOTPDevice.objects.filter(user=owner).exists()
    staff.post(address)
    assert not TOTPDevice.objects.filter(user=owner).exists()


def test_the_staff_site_has_only_pages_of_ours() -> None:
    apps = {model._meta.app_label for model in admin.site._registry}
    assert apps <= {"hub", "catalog", "marketplaces", "orders"}
