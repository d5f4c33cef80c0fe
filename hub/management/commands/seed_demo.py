"""`manage.py seed_demo`: two demo sellers to look at, and `HUB_DATA/demo.json` that says how to sign in.

`manage.py run` calls it at every start, so it may be called any number of times: what is in demo.json is kept
and made true again. The secrets are random, made on this machine, and written to that file only.
"""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import transaction

from catalog import services as catalogue_services
from catalog.demo import catalogue as demo_catalogue
from catalog.models import Product
from hub import env
from hub.erp.control import ControlApi
from hub.erp.http import ErpError
from hub.models import ApiKey, Membership, Seller, User
from marketplaces.models import Marketplace
from marketplaces.simulators.sandbox.store import Store, open_account

SELLER_NAME = "Loja Demonstração"
NEIGHBOUR_NAME = "Loja Vizinha"
KEY_NAME = "ERP de demonstração"
STAFF_EMAIL = "equipe@demo.example"
PEOPLE = {
    Membership.Role.OWNER: ("dona@demo.example", "Dora Dona"),
    Membership.Role.OPERATOR: ("operador@demo.example", "Otávio Operador"),
    Membership.Role.VIEWER: ("consulta@demo.example", "Vera Visita"),
}
NEIGHBOUR_OWNER = ("vizinho@demo.example", "Vítor Vizinho")
NEIGHBOUR_PRODUCTS = 12
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def is_wanted() -> bool:
    """Tell whether this hub may have demo sign-ins: not on a database somebody else runs, unless told to."""
    return env.flag("HUB_DEMO", default=not env.secret("DATABASE_URL"))


class Command(BaseCommand):
    """Make the demo sellers, their people and keys where they are missing, and write demo.json."""

    help = "Seed the demo sellers; HUB_DEMO=on/off decides, by default on without a DATABASE_URL."

    def handle(self, *args: Any, **options: Any) -> None:
        """Seed, unless this is no place for a demo."""
        if not is_wanted():
            if options["verbosity"]:
                self.stdout.write("No demo here: HUB_DEMO is off (its default beside a DATABASE_URL).")
            return
        path = settings.HUB_DATA / "demo.json"
        with transaction.atomic():
            told = seed(read(path))
        write(path, told)
        if options["verbosity"]:
            self.stdout.write(f"The demo's sign-ins are in {path}.")


def read(path: Path) -> dict[str, Any]:
    """Return what an earlier run wrote; nothing when there is none or it cannot be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write(path: Path, told: dict[str, Any]) -> None:
    """Replace the file in one step, readable by its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    number, draft = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # mkstemp makes it 0600
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            json.dump(told, file, ensure_ascii=False, indent=2)
        os.replace(draft, path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def seed(before: dict[str, Any]) -> dict[str, Any]:
    """Make true what demo.json said before, fill in what is missing, and return what it says now."""
    base = settings.HUB_BASE_URL
    seller, seller_people = tenant(SELLER_NAME, PEOPLE, before)
    neighbour, neighbour_people = tenant(NEIGHBOUR_NAME, {Membership.Role.OWNER: NEIGHBOUR_OWNER}, before)
    staff = sign_in(STAFF_EMAIL, "Equipe do hub", before)
    User.objects.filter(email=STAFF_EMAIL).update(is_staff=True, is_superuser=True)
    stock_shelves(seller)
    stock_shelves(neighbour, NEIGHBOUR_PRODUCTS)
    keep_address_current()
    return {
        "base_url": base,
        "portal_url": f"{base}/portal/",
        "staff_url": f"{base}/admin/",
        "docs_url": f"{base}/docs/",
        "staff": staff,
        "seller": {"id": seller.pk, "name": seller.name, "people": seller_people},
        "other_seller": {"id": neighbour.pk, "name": neighbour.name, "people": neighbour_people},
        "api_headers": api_headers(seller, before),
        "sandbox": sandbox(before),
    }


def tenant(
    name: str, staff: dict[Membership.Role, tuple[str, str]], before: dict[str, Any]
) -> tuple[Seller, list[dict[str, str]]]:
    """Return the seller of this name that its owner belongs to, made when need be, and its sign-ins."""
    owner_email, _name = staff[Membership.Role.OWNER]
    seller = Seller.objects.filter(name=name, memberships__user__email=owner_email).first()
    if seller is None:
        seller = Seller.objects.create(name=name, is_test=True)
    told = []
    for role, (email, person) in staff.items():
        # Nobody is invited: whoever had this sign-in before loses it to demo.json's password.
        told.append({"role": role.value, **sign_in(email, person, before)})
        member = User.objects.get(email=email)
        Membership.objects.get_or_create(seller=seller, user=member, defaults={"role": role})
    return seller, told


def sign_in(email: str, person: str, before: dict[str, Any]) -> dict[str, str]:
    """Let this person sign in with the password demo.json has, or with a new one."""
    password = known_passwords(before).get(email) or secrets.token_urlsafe(9)
    user = User.objects.filter(email=email).first() or User.objects.create_user(email, name=person)
    if not user.check_password(password):
        user.set_password(password)
        user.save(update_fields=["password"])
    return {"email": email, "password": password}


def known_passwords(before: dict[str, Any]) -> dict[str, str]:
    """Return the passwords an earlier demo.json holds, by e-mail."""
    told = [before.get("staff", {})]
    for key in ("seller", "other_seller"):
        told += before.get(key, {}).get("people", [])
    return {one["email"]: one["password"] for one in told if one.get("email") and one.get("password")}


def api_headers(seller: Seller, before: dict[str, Any]) -> dict[str, str]:
    """Return the three headers of the demo's ERP, with the key of before while that still opens the door."""
    kept = before.get("api_headers", {})
    secret = str(kept.get("X-Api-Key") or "")
    key = ApiKey.find(secret)
    if key is None or key.seller_id != seller.pk:
        for lost in ApiKey.objects.usable().filter(seller=seller, name=KEY_NAME):
            lost.revoke()
        _key, secret = ApiKey.issue(seller, KEY_NAME)
    return {
        "X-User-Email": PEOPLE[Membership.Role.OWNER][0],
        "X-Api-Key": secret,
        "X-Accountmanager-Key": str(kept.get("X-Accountmanager-Key") or f"am_{secrets.token_urlsafe(12)}"),
    }


def stock_shelves(seller: Seller, most: int | None = None) -> None:
    """Give a seller without products the shipped catalogue, mistakes included; never touch what is there."""
    if not Product.objects.filter(seller_id=seller.pk).exists():
        catalogue_services.upsert_products(seller.pk, demo_catalogue.load().products[:most])


def keep_address_current() -> None:
    """Point the sandbox marketplace at this hub's simulator, unless staff pointed it elsewhere."""
    row = Marketplace.objects.filter(key="sandbox").first()
    if row is not None and urlsplit(row.address).hostname in LOOPBACK:
        row.base_url = sandbox_url()
        row.save(update_fields=["base_url"])


def sandbox_url() -> str:
    """Where the simulator answers on this machine."""
    return f"http://127.0.0.1:{settings.HUB_SANDBOX_PORT}"


def sandbox(before: dict[str, Any]) -> dict[str, str]:
    """Return the demo seller's credentials at the sandbox, its account made under a key that is kept.

    The simulator is asked when it runs; `manage.py run` starts it only later, and so its file is written to.
    """
    key = str(before.get("sandbox", {}).get("api_key") or f"sbx_{secrets.token_urlsafe(24)}")
    try:
        account = ControlApi(sandbox_url(), patience=0).open_account(SELLER_NAME, key)
        secret = str(account["webhook_secret"])
    except ErpError:
        store = Store(settings.HUB_DATA / "sandbox" / "sandbox.sqlite3")
        try:
            with store.transaction() as db:
                secret = str(open_account(db, SELLER_NAME, key)["webhook_secret"])
        finally:
            store.close()
    url = sandbox_url()
    return {
        "shop_url": f"{url}/",
        "orders_url": f"{url}/pedidos",
        "control_url": f"{url}/_control",
        "api_key": key,
        "webhook_secret": secret,
    }
