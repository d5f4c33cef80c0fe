"""/homologation: the list as the integration's developer reads it from a terminal."""

from __future__ import annotations

from typing import Any, cast

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from hub.api.schema import errors
from hub.api.times import moment
from hub.api.views import SellerView
from hub.homologation import services
from hub.homologation.cases import GROUPS
from hub.homologation.models import Homologation, HomologationCase
from hub.models import User
from hub.refusals import Unknown

OPEN = "open"
TEXT, MAYBE = {"type": "string"}, {"type": "string", "nullable": True}
CASE = {
    "type": "object",
    "properties": {
        "number": {"type": "integer", "minimum": 1, "maximum": 43},
        "group": TEXT,
        "title": TEXT,
        "how": {**TEXT, "description": "What to call, and what must be seen."},
        "optional": {"type": "boolean"},
        "state": {"type": "string", "enum": [OPEN, *HomologationCase.State.values]},
        "problem": {**MAYBE, "description": "What was wrong with the call that came last."},
        "request_id": {**MAYBE, "description": "X-Request-Id of the call that decided it."},
    },
    "required": ["number", "group", "title", "how", "optional", "state", "problem", "request_id"],
}
HOMOLOGATION = {
    "type": "object",
    "properties": {
        "started_at": {"type": "string", "format": "date-time"},
        "closed_at": {"type": "string", "format": "date-time", "nullable": True},
        "certificate": MAYBE,
        "integration": MAYBE,
        "passed": {"type": "integer"},
        "missing": {"type": "integer", "description": "Cases neither passed nor left out."},
        "cases": {"type": "array", "items": CASE},
    },
    "required": ["started_at", "closed_at", "certificate", "integration", "passed", "missing", "cases"],
}


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
