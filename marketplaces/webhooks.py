"""The door for marketplaces' webhooks: a hint is checked, a lane is nudged, and nothing else happens.

What a webhook says is never taken as data: the lane reads the marketplace itself.
"""

from __future__ import annotations

import logging
import uuid

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from hub.vault import SealBroken
from marketplaces import engine
from marketplaces.contract import CredentialsRejected, HintReceiver, MarketplaceError
from marketplaces.models import Connection, Lane

logger = logging.getLogger(__name__)
MAX_BODY = 256 * 1024
LANE_OF_HINT = {"orders": Lane.Kind.ORDERS, "listings": Lane.Kind.OBSERVE}


@csrf_exempt
@require_POST
def receive(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Take a hint for one connection: 200 quickly, 401 for a wrong signature, 404 for nobody's address."""
    length = request.headers.get("Content-Length") or "0"
    if not (length.isascii() and length.isdecimal()):
        return _answer(400, _("The call cannot be understood."))
    if len(length) > len(str(MAX_BODY)) or int(length) > MAX_BODY:
        return _answer(413, _("The body is too large."))
    body = request.read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        return _answer(413, _("The body is too large."))
    # A paused connection answers too: some marketplaces stop calling for good after a few refusals.
    connection = (
        Connection.objects.select_related("marketplace", "seller").filter(public_id=public_id).first()
    )
    if connection is None:
        return _answer(404, _("Not found."))
    try:
        adapter = connection.adapter()
        if not isinstance(adapter, HintReceiver):
            return _answer(404, _("Not found."))
        hint = adapter.read_hint(request.headers, body)
    except (CredentialsRejected, SealBroken):
        return _answer(401, _("The signature is wrong."))
    except MarketplaceError:
        logger.warning("connection %s: a webhook that is not to be understood", connection.pk)
        return _answer(400, _("The call cannot be understood."))
    kind = LANE_OF_HINT.get(hint.about)
    if kind is not None:
        engine.nudge(connection.pk, kind.value)
    return JsonResponse({})


def _answer(status: int, text: str) -> JsonResponse:
    return JsonResponse({"error": text}, status=status)
