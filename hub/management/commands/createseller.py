"""`manage.py createseller`: a new seller with its owner's sign-in and its ERP's three API headers."""

from __future__ import annotations

import json
import secrets
from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.db import transaction
from django.utils import translation

from hub import people
from hub.models import ApiKey, Invitation, Seller, User

KEY_NAME = "ERP"
YOUR_OWN = "(unchanged: this person had a sign-in already, and accepts with it)"


class Command(BaseCommand):
    """Make a seller and print what its people and its ERP sign in with; the secrets are shown this once."""

    help = "Make a seller with its owner and an API key, and print the sign-in and the three API headers."

    def add_arguments(self, parser: CommandParser) -> None:
        # Not required for argparse, which would answer with its own usage text and exit code 2.
        parser.add_argument("--name", default="", help="the seller's name")
        parser.add_argument("--email", default="", help="the owner's e-mail; somebody known is invited")
        parser.add_argument("--password", default="", help="for a new owner; made up when left out")
        parser.add_argument("--test", action="store_true", help="may create its own orders over the API")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check what was typed, make all of it or nothing, and print it; raises CommandError (exit 1)."""
        name, email, password = options["name"].strip(), options["email"].strip(), options["password"]
        check(name, email, password)
        made = make(name, email, password, is_test=options["test"])
        if options["json"]:
            self.stdout.write(json.dumps(made, ensure_ascii=False, indent=2))
            return
        rows = {
            "Seller": f"{made['name']} (number {made['seller_id']})",
            "Portal": made["portal_url"],
            "E-mail": made["email"],
            "Password": made["password"] or YOUR_OWN,
            **({"Invitation": made["invitation_url"]} if made["invitation_url"] else {}),
            "API": made["base_url"],
            **made["headers"],
        }
        width = max(map(len, rows))
        self.stdout.write("\n".join(f"{label:<{width}}  {value}" for label, value in rows.items()))
        self.stdout.write(
            self.style.WARNING("Keep these now: the key and a new password are not shown again.")
        )


def check(name: str, email: str, password: str) -> None:
    """Raise CommandError with one sentence when an account cannot be opened with this."""
    limit = Seller._meta.get_field("name").max_length
    if not name:
        raise CommandError("Give the seller a name: --name 'Loja Exemplo'.")
    if len(name) > (limit or 0):
        raise CommandError(f"The name is too long: at most {limit} characters fit.")
    if not email:
        raise CommandError("Give the owner's e-mail: --email dona@loja.example.")
    try:
        validate_email(email)
    except ValidationError:
        raise CommandError(f"This is not an e-mail address: {email}") from None
    if password:
        with translation.override("en"):  # as the rest of this command's sentences
            try:
                validate_password(password, User(email=email))
            except ValidationError as error:
                raise CommandError("This password will not do. " + " ".join(error.messages)) from None


@transaction.atomic
def make(name: str, email: str, password: str, *, is_test: bool) -> dict[str, Any]:
    """Open the account; an owner who has a sign-in gets an invitation instead of a password."""
    seller, added = people.open_account(name=name, email=email, is_test=is_test)
    owner = added.user
    shown: str | None = None
    invitation_url: str | None = None
    if isinstance(added, Invitation):
        invitation_url = f"{settings.HUB_BASE_URL}{people.invitation_path(added)}"
    else:
        shown = password or secrets.token_urlsafe(12)
        owner.set_password(shown)
        owner.save(update_fields=["password"])
    _key, secret = ApiKey.issue(seller, KEY_NAME, by=None if invitation_url else owner)
    return {
        "seller_id": seller.pk,
        "name": seller.name,
        "email": owner.email,
        "password": shown,
        "invitation_url": invitation_url,
        "is_test": seller.is_test,
        "base_url": settings.HUB_BASE_URL,
        "portal_url": f"{settings.HUB_BASE_URL}/portal/",
        "docs_url": f"{settings.HUB_BASE_URL}/docs/",
        "headers": {
            "X-User-Email": owner.email,
            "X-Api-Key": secret,
            # Names the integrator; any ERP brings its own.
            "X-Accountmanager-Key": f"am_{secrets.token_urlsafe(12)}",
        },
    }
