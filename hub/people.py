"""Who works for a seller: opening an account, adding people, changing roles, first passwords.

An e-mail address proves nothing here, as the hub sends no mail: whoever types one first makes its sign-in and
is handed the link to its password. So nobody who has a sign-in is let in anywhere by the e-mail alone; see
docs/decisions/0019-an-email-proves-nothing.md.
"""

from __future__ import annotations

import secrets
from typing import Any

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _

from hub.models import Invitation, Membership, Seller, User, digest_of
from hub.refusals import Refusal


class LastOwner(Refusal):
    """A seller always has an owner who is able to sign in."""

    def __init__(self) -> None:
        super().__init__(
            _(
                "A seller needs at least one active owner who has a password. Make somebody else an owner "
                "first, or wait until they have set theirs."
            )
        )


class AlreadyMember(Refusal):
    """The person works for this seller already."""

    def __init__(self) -> None:
        super().__init__(_("This person already works for this seller."))


@transaction.atomic
def open_account(
    *, name: str, email: str, is_test: bool = False, person: str = ""
) -> tuple[Seller, Membership | Invitation]:
    """Create a seller with its first owner, who is only invited where they have a sign-in already."""
    seller = Seller.objects.create(name=name, is_test=is_test)
    role = Membership.Role.OWNER
    return seller, add_member(seller, email=email, role=role, name=person, by_staff=True)


@transaction.atomic
def add_member(
    seller: Seller, *, email: str, role: str, name: str = "", by_staff: bool = False
) -> Membership | Invitation:
    """Let a person work for the seller, or invite them where somebody made their sign-in before.

    Staff lets in whoever has no password yet, too: all links to a first one end with it, and only staff can
    make the next. Raises AlreadyMember.
    """
    # No password can be set meanwhile: whoever sets one locks the person, too.
    person = User.objects.select_for_update().filter(email__iexact=email.strip()).first()
    if person is None:
        person = User.objects.create_user(email, None, name=name)
    elif person.memberships.filter(seller=seller).exists():
        raise AlreadyMember
    elif person.has_usable_password() or not by_staff:
        return _invite(seller, person, role)
    Invitation.objects.filter(seller=seller, user=person).delete()
    return Membership.objects.create(seller=seller, user=person, role=role)


def _invite(seller: Seller, person: User, role: str) -> Invitation:
    # Nobody has its link yet; one that was made before ends.
    fresh = {"role": role, "digest": digest_of(secrets.token_urlsafe(32)), "made_at": timezone.now()}
    invitation, _created = Invitation.objects.update_or_create(seller=seller, user=person, defaults=fresh)
    return invitation


def invitation_path(invitation: Invitation) -> str:
    """Return the path of a page on which the person accepts, for three days; earlier ones end."""
    secret = secrets.token_urlsafe(32)
    Invitation.objects.filter(pk=invitation.pk).update(digest=digest_of(secret), made_at=timezone.now())
    return reverse("invitation", args=[secret])


def invited(secret: str) -> Invitation | None:
    """Return the open invitation whose link has this secret."""
    found = Invitation.objects.open(timezone.now()).select_related("seller", "user")
    return found.filter(digest=digest_of(secret)).first()


@transaction.atomic
def accept(invitation: Invitation, new_password: str) -> bool:
    """Let the person who proved to be the one invited work for the seller; False when it is over by now.

    With a new password all their other sessions end: somebody else may have known the one before.
    """
    person = User.objects.select_for_update().get(pk=invitation.user_id)
    mine = Invitation.objects.open(timezone.now()).filter(pk=invitation.pk, digest=invitation.digest)
    found = mine.select_for_update(of=("self",)).first()
    if found is None:
        return False
    person.set_password(new_password)
    person.save(update_fields=["password"])
    Membership.objects.get_or_create(seller_id=found.seller_id, user=person, defaults={"role": found.role})
    found.delete()
    return True


@transaction.atomic
def change_role(membership: Membership, role: str) -> None:
    """Give a member another part; raises LastOwner."""
    _keep_an_owner(membership, still_owner=role == Membership.Role.OWNER)
    Membership.objects.filter(pk=membership.pk).update(role=role)


@transaction.atomic
def remove_member(membership: Membership) -> None:
    """End a person's work for the seller; their sign-in stays. Raises LastOwner."""
    _keep_an_owner(membership, still_owner=False)
    membership.delete()


def _keep_an_owner(membership: Membership, *, still_owner: bool) -> None:
    # Locking the seller makes two owners who remove each other at once take turns.
    Seller.objects.select_for_update().get(pk=membership.seller_id)
    owners = Membership.objects.filter(seller_id=membership.seller_id, role=Membership.Role.OWNER)
    if not owners.filter(pk=membership.pk).exists():
        return
    others = owners.filter(user__is_active=True).exclude(pk=membership.pk)
    # Whoever never set a password cannot sign in, and only an owner makes the link to their first one.
    able = others.exclude(user__password="").exclude(user__password__startswith=UNUSABLE_PASSWORD_PREFIX)
    if not still_owner and not able.exists():
        raise LastOwner


def may_hand_out_link(membership: Membership) -> bool:
    """Tell whether an owner may see a first-password link for this member.

    Only while the person has no password and works for nobody else: otherwise the link would open
    another seller's account to whoever typed the person's e-mail.
    """
    person = membership.user
    return (
        not person.has_usable_password()
        and not person.is_staff
        and not person.memberships.exclude(pk=membership.pk).exists()
    )


class PasswordLinks(PasswordResetTokenGenerator):
    """Links that set a password once. Each opens what the person could open when it was made, and no more."""

    key_salt = "hub.people.PasswordLinks"

    def _make_hash_value(self, user: Any, timestamp: int) -> str:
        works_for = sorted(user.memberships.values_list("pk", flat=True))
        return f"{super()._make_hash_value(user, timestamp)}{works_for}{user.is_staff}{user.is_superuser}"


password_links = PasswordLinks()


def password_path(person: User) -> str:
    """Return the path of a page that sets the person's password once, for three days."""
    return reverse(
        "set_password",
        args=[urlsafe_base64_encode(force_bytes(person.pk)), password_links.make_token(person)],
    )


def hold_for_link(person: User, token: str) -> User | None:
    """Return the person, kept as they are until the transaction ends; None when the link is over by now."""
    fresh = User.objects.select_for_update().get(pk=person.pk)
    return fresh if password_links.check_token(fresh, token) else None


def hold_signed_in(person: User) -> None:
    """Read a signed-in person anew and keep them so until the transaction ends.

    Raises PermissionDenied when somebody set another password since they were let in: a password changed in
    a session that has ended must not be written over the new one.
    """
    known = person.password
    User.objects.select_for_update().get(pk=person.pk)
    person.refresh_from_db()
    if person.password != known:
        raise PermissionDenied
