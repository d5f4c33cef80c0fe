"""Who works for a seller: opening an account, adding people, changing roles, first passwords."""

from __future__ import annotations

from django.contrib.auth.tokens import default_token_generator
from django.db import transaction
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _

from hub.models import Membership, Seller, User
from hub.refusals import Refusal


class LastOwner(Refusal):
    """A seller always has an owner who is able to sign in."""

    def __init__(self) -> None:
        super().__init__(_("A seller needs at least one active owner. Make somebody else an owner first."))


class AlreadyMember(Refusal):
    """The person works for this seller already."""

    def __init__(self) -> None:
        super().__init__(_("This person already works for this seller."))


@transaction.atomic
def open_account(*, name: str, email: str, is_test: bool = False, person: str = "") -> tuple[Seller, User]:
    """Create a seller with its first owner; somebody who has a sign-in already keeps it."""
    seller = Seller.objects.create(name=name, is_test=is_test)
    membership, _created = add_member(seller, email=email, role=Membership.Role.OWNER, name=person)
    return seller, membership.user


@transaction.atomic
def add_member(seller: Seller, *, email: str, role: str, name: str = "") -> tuple[Membership, bool]:
    """Let a person work for the seller; True when this made their sign-in, which has no password yet.

    Links to set a first password that others were given end with it: they must not open this seller. Raises
    AlreadyMember.
    """
    person = User.objects.filter(email__iexact=email.strip()).first()
    is_new = person is None
    if person is None:
        person = User.objects.create_user(email, None, name=name)
    membership, created = Membership.objects.get_or_create(
        seller=seller, user=person, defaults={"role": role}
    )
    if not created:
        raise AlreadyMember
    if not is_new and not person.has_usable_password():
        person.set_unusable_password()
        person.save(update_fields=["password"])
    return membership, is_new


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
    others = Membership.objects.filter(
        seller_id=membership.seller_id, role=Membership.Role.OWNER, user__is_active=True
    ).exclude(pk=membership.pk)
    if not still_owner and not others.exists():
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


def password_path(person: User) -> str:
    """Return the path of a page that sets the person's password once, for three days."""
    return reverse(
        "set_password",
        args=[urlsafe_base64_encode(force_bytes(person.pk)), default_token_generator.make_token(person)],
    )
