"""The statuses of one seller's account: the standard ones and the ERP's own codes."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from hub.models import Seller
from hub.refusals import Refusal
from hub.statements import Reading
from orders import flow
from orders.models import Order, Status

_OF_SELLER = Reading(Status, "WHERE t.seller_id = %(seller)s::bigint ORDER BY t.id")


def of_seller(seller_id: int) -> dict[str, Status]:
    """Return the account's statuses by code, the standard ones made on first use."""
    known = _read(seller_id)
    missing = [one for one in flow.STANDARD if one.code not in known]
    if missing:
        Status.objects.bulk_create(
            [Status(seller_id=seller_id, code=one.code, label=one.label, type=one.type) for one in missing],
            ignore_conflicts=True,
        )
        known = _read(seller_id)
    return known


def _read(seller_id: int) -> dict[str, Status]:
    return {one.code: one for one in _OF_SELLER.read(seller=seller_id)}


def find(seller_id: int, code: str) -> Status:
    """Return a status of the account; raises Refusal for a code it does not have."""
    status = of_seller(seller_id).get(code)
    if status is None:
        raise Refusal(_("This account has no status with the code “%(code)s”.") % {"code": code})
    return status


def standard(seller_id: int, status_type: str) -> Status:
    """Return the account's standard status of a type."""
    return of_seller(seller_id)[flow.STANDARD_CODE[status_type]]


def create(seller: Seller, *, code: str, label: str, status_type: str) -> Status:
    """Add a status; raises Refusal for an unknown type or a code that is taken."""
    of_seller(seller.pk)
    _check_type(status_type)
    try:
        with transaction.atomic():
            return Status.objects.create(seller=seller, code=code, label=label or code, type=status_type)
    except IntegrityError as error:
        raise Refusal(
            _("This account already has a status with the code “%(code)s”.") % {"code": code}
        ) from error


def change(seller: Seller, code: str, *, label: str | None, status_type: str | None) -> Status | None:
    """Rename a status or bind it to another type; None when there is none. A standard one keeps its type."""
    status = of_seller(seller.pk).get(code)
    if status is None:
        return None
    if status_type is not None and status_type != status.type:
        _check_type(status_type)
        _refuse_standard(code)
        status.type = status_type
    if label is not None:
        status.label = label
    status.save(update_fields=["label", "type"])
    return status


def delete(seller: Seller, code: str) -> bool:
    """Remove one of the ERP's own statuses; False when there is none. Raises Refusal while it is used."""
    status = of_seller(seller.pk).get(code)
    if status is None:
        return False
    _refuse_standard(code)
    if Order.objects.filter(seller_id=seller.pk, status_code=code).exists():
        raise Refusal(_("There are orders in the status “%(code)s”.") % {"code": code})
    status.delete()
    return True


def _check_type(status_type: str) -> None:
    if status_type not in flow.STATUS_TYPES:
        raise Refusal(
            _("“%(type)s” is not a status type. Known types: %(known)s.")
            % {"type": status_type, "known": ", ".join(flow.STATUS_TYPES)}
        )


def _refuse_standard(code: str) -> None:
    if any(one.code == code for one in flow.STANDARD):
        raise Refusal(_("“%(code)s” is a standard status: only its label can be changed.") % {"code": code})
