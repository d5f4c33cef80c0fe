"""/homologation: the list as the integration's developer reads it from a terminal."""

from __future__ import annotations

from typing import Any, cast

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from hub.api.schema import errors
from hub.api.shapes import COUNT, FLAG, MAYBE, MOMENT, TEXT, many, named, told, word
from hub.api.times import moment
from hub.api.views import SellerView
from hub.homologation import services
from hub.homologation.cases import GROUPS
from hub.homologation.models import CASES_IN_ALL, Homologation, HomologationCase
from hub.models import User
from hub.refusals import Unknown

OPEN = "open"
CASE = named(
    "HomologationCase",
    told(
        number={"type": "integer", "minimum": 1, "maximum": CASES_IN_ALL},
        group=TEXT,
        title=TEXT,
        how={**TEXT, "description": "What to call, and what must be seen."},
        optional={**FLAG, "description": "It can be left out, in the portal."},
        state=word(OPEN, *HomologationCase.State.values),
        problem={**MAYBE, "description": "What was wrong with the call that came last."},
        request_id={**MAYBE, "description": "X-Request-Id of the call that decided it."},
    ),
)
HOMOLOGATION = named(
    "Homologation",
    told(
        started_at={**MOMENT, "nullable": False, "description": "Only calls from then on count."},
        closed_at={**MOMENT, "description": "By its certificate, or when another was begun."},
        certificate={**MAYBE, "description": "The certificate's number."},
        integration={**MAYBE, "description": "Whose certificate it is."},
        passed=COUNT,
        missing={**COUNT, "description": "Cases neither passed nor left out."},
        cases=many(CASE),
    ),
)


class HomologationView(SellerView):
    """The test account's homologation."""

    @extend_schema(
        operation_id="homologation_show",
        summary="Show which cases of the homologation are passed",
        description=(
            "For test accounts. Calls are looked at within a second or two of their answer. A case once "
            "passed stays passed."
        ),
        responses={200: HOMOLOGATION, **errors(403, 404)},
    )
    def get(self, request: Request) -> Response:
        self._demand_test_account()
        homologation = services.newest(self.seller)
        if homologation is None:
            raise Unknown(_("No homologation has begun; begin one with POST /homologation."))
        return Response(as_json(homologation))

    @extend_schema(
        operation_id="homologation_start",
        summary="Begin a homologation",
        description="With an empty list: only calls from now on count. One that is open ends.",
        request=None,
        responses={201: HOMOLOGATION, **errors(403)},
    )
    def post(self, request: Request) -> Response:
        self._demand_test_account()
        return Response(as_json(services.start(self.seller, cast(User, request.user))), status=201)

    def _demand_test_account(self) -> None:
        if not self.seller.is_test:
            raise PermissionDenied(_("Only test accounts are homologated."))


def as_json(homologation: Homologation) -> dict[str, Any]:
    """Write a homologation with all its cases."""
    known = services.look(homologation)
    return {
        "started_at": moment(homologation.started_at),
        "closed_at": moment(homologation.closed_at),
        "certificate": homologation.certificate,
        "integration": homologation.integration or None,
        "passed": sum(one.state == HomologationCase.State.PASSED for one in known.values()),
        "missing": len(services.missing(known)),
        "cases": [
            {
                "number": case.number,
                "group": group.title,
                "title": case.title,
                "how": case.how,
                "optional": case.is_optional,
                "state": found.state if (found := known.get(case.number)) else OPEN,
                "problem": (services.problem_of(found) or None) if found else None,
                "request_id": found.call.get("request_id") if found else None,
            }
            for group in GROUPS
            for case in group.cases
        ],
    }
