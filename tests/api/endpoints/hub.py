"""/homologation."""

from __future__ import annotations

from hub.homologation.models import Homologation
from tests.api.endpoints.row import NO_ID, NO_INPUT, NOTHING, Call, Row

ROWS = [
    Row(
        "GET /homologation",
        Call(
            200,
            shows=lambda said, ids: (said["passed"], said["closed_at"], len(said["cases"])) == (0, None, 43),
        ),
        bad=NO_INPUT,
        unknown=NO_ID,
        stranger=Call(404),
    ),
    Row(
        "POST /homologation",
        Call(
            201,
            NOTHING,
            shows=lambda said, ids: said["passed"] == 0,
            then=lambda ana, ids: Homologation.objects.filter(seller=ana).count() == 2,
        ),
        bad=NO_INPUT,
        unknown=NO_ID,
        stranger=Call(201),
    ),
]
