"""Starting, judging and closing a homologation. The calls are the truth; what was found is only kept."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from hub.homologation.calls import Call, Verdict
from hub.homologation.cases import BY_NUMBER, CASES, Case
from hub.homologation.models import Homologation, HomologationCase
from hub.models import ApiCall, Seller, User
from hub.refusals import Refusal

MOST_CALLS = 3_000
MOST_LETTERS = 16_000_000
"""Of a seller's newest calls so many, and so much of their bodies, are looked at; what was passed before
stays passed."""
SHOWN_LETTERS = 8_000
"""Of each body of a deciding call."""
# Letters and digits nobody takes for one another when reading a number aloud.
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"

State = HomologationCase.State


def newest(seller: Seller) -> Homologation | None:
    """Return the seller's open homologation, else the one closed last."""
    mine = Homologation.objects.filter(seller_id=seller.pk)
    return mine.filter(closed_at__isnull=True).first() or mine.first()


def start(seller: Seller, user: User | None, now: datetime | None = None) -> Homologation:
    """Begin with an empty list; one that is open ends without a certificate.

    Raises Refusal for a production account, whose calls must not be rehearsals.
    """
    if not seller.is_test:
        raise Refusal(_("Only test accounts are homologated."))
    now = now or timezone.now()
    with transaction.atomic():
        # One at a time per seller: two clicks must not find two open ones.
        Seller.objects.select_for_update(no_key=True).only("pk").get(pk=seller.pk)
        Homologation.objects.filter(seller_id=seller.pk, closed_at__isnull=True).update(closed_at=now)
        return Homologation.objects.create(seller=seller, started_at=now, started_by=user)


def look(homologation: Homologation) -> dict[int, HomologationCase]:
    """Judge the calls that came since the last look; return what is known of each case by its number.

    A case once passed stays passed. Without new calls this costs two small queries.
    """
    calls = ApiCall.objects.filter(seller_id=homologation.seller_id, called_at__gte=homologation.started_at)
    if homologation.closed_at is None:
        newest_id = calls.aggregate(newest=Max("id"))["newest"] or 0
        if newest_id > homologation.newest_call_id:
            _keep(homologation, judge(_newest(calls)), newest_id)
    return {one.number: one for one in homologation.cases.all()}


def _newest(calls: QuerySet[ApiCall]) -> list[Call]:
    """Read the newest calls, in the order they came, as far as they fit."""
    found: list[Call] = []
    letters = 0
    for row in calls.order_by("-called_at", "-id")[:MOST_CALLS].iterator(chunk_size=100):
        letters += len(row.request_body) + len(row.response_body)
        if letters > MOST_LETTERS:
            break
        found.append(Call(row))
    return found[::-1]


def judge(calls: Sequence[Call]) -> dict[int, Verdict]:
    """Say of each case that was tried what decides it: the first call in order, else the last wrong one."""
    found: dict[int, Verdict] = {}
    for case in CASES:
        for verdict in case.judge(calls):
            found[case.number] = verdict
            if verdict.problem is None:
                break
    return found


def _keep(homologation: Homologation, verdicts: dict[int, Verdict], newest_id: int) -> None:
    with transaction.atomic():
        locked = Homologation.objects.select_for_update().get(pk=homologation.pk)
        if locked.closed_at is not None:
            return
        known = {one.number: one for one in locked.cases.all()}
        for number, verdict in verdicts.items():
            case = known.get(number) or HomologationCase(homologation=locked, number=number)
            if case.state == State.PASSED or (case.state == State.UNUSED and verdict.problem):
                continue
            problem = verdict.problem._asdict() if verdict.problem else {}
            case.keep(problem, shown(verdict.call.row))
            case.decided_at = verdict.call.at
            case.save()
        locked.newest_call_id = max(locked.newest_call_id, newest_id)
        locked.save(update_fields=["newest_call_id"])


def shown(row: ApiCall) -> dict[str, Any]:
    """Return what is kept of a deciding call when the log has long forgotten it."""
    return {
        "id": row.pk,
        "method": row.method,
        "path": row.path,
        "query": row.query,
        "status": row.status,
        "request": row.request_body[:SHOWN_LETTERS],
        "answer": row.response_body[:SHOWN_LETTERS],
        "request_id": row.request_id,
        "program": row.user_agent,
    }


def problem_of(case: HomologationCase) -> str:
    """Return what was wrong with a case in the reader's language; empty when nothing was."""
    return _(case.problem["text"]) % case.problem["values"] if case.problem else ""


def say_unused(homologation: Homologation, number: int, *, is_unused: bool) -> None:
    """Note that the integration does not do this, or take that back; raises Refusal."""
    case = BY_NUMBER.get(number)
    if case is None or not case.is_optional:
        raise Refusal(_("This case cannot be left out."))
    if homologation.closed_at is not None:
        raise Refusal(_("This homologation has ended."))
    mine = HomologationCase.objects.filter(homologation=homologation, number=number)
    if not is_unused:
        mine.filter(state=State.UNUSED).delete()
        return
    HomologationCase.objects.get_or_create(
        homologation=homologation, number=number, defaults={"state": State.UNUSED}
    )
    mine.filter(state=State.FAILING).update(state=State.UNUSED, problem={}, call={}, decided_at=None)


def missing(cases: dict[int, HomologationCase]) -> list[Case]:
    """The cases that stand between the developer and the certificate."""
    settled = {number for number, one in cases.items() if one.state != State.FAILING}
    return [case for case in CASES if case.number not in settled]


def certify(homologation: Homologation, integration: str, now: datetime | None = None) -> Homologation:
    """Close a homologation whose every case is settled, under a number; raises Refusal."""
    integration = " ".join(integration.split())
    if not integration:
        raise Refusal(_("Name the integration the certificate is for."))
    left = missing(look(homologation))
    if left:
        numbers = ", ".join(str(case.number) for case in left)
        raise Refusal(_("These cases are still missing: %(numbers)s.") % {"numbers": numbers})
    with transaction.atomic():
        locked = Homologation.objects.select_for_update().get(pk=homologation.pk)
        if locked.closed_at is not None:
            raise Refusal(_("This homologation has ended."))
        locked.closed_at = now or timezone.now()
        locked.integration = integration[:150]
        locked.certificate = "-".join(
            "".join(secrets.choice(_LETTERS) for _letter in range(4)) for _part in range(3)
        )
        locked.save()
    return locked
