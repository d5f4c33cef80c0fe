"""Answers look as DRF's own renderer writes them."""

from __future__ import annotations

import datetime
import json
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy
from rest_framework.renderers import JSONRenderer

from catalog.services import Status
from hub.api.rendering import FastJSONRenderer


class Own:
    """Something msgspec has never heard of, which DRF writes as a list."""

    def tolist(self) -> list[int]:
        return [1, 2]


@pytest.mark.parametrize(
    "data",
    [
        {"error": gettext_lazy("Not found.")},
        {"sku": mark_safe("<b>ção</b>"), "status": Status.CREATED},
        {"at": datetime.datetime(2026, 3, 2, 13, 30, 1, 5000, tzinfo=datetime.UTC)},
        {"day": datetime.date(2026, 3, 2), "price": Decimal("10.50"), "id": uuid.UUID(int=5)},
        {"text": "line\u2028end\u2029", "numbers": [1, 2.5, True, None, 10.0]},
        {"far": 2**70},
        {1: "one"},
        {None: 1},
        [Own()],
        [],
        None,
    ],
)
def test_whatever_is_answered_reads_as_drf_writes_it(data: Any) -> None:
    ours, theirs = FastJSONRenderer().render(data), JSONRenderer().render(data)

    assert (ours and json.loads(ours)) == (theirs and json.loads(theirs))
    assert b"\xe2\x80\xa8" not in ours


def test_who_asks_for_indents_gets_them() -> None:
    written = FastJSONRenderer().render({"a": [1]}, "application/json; indent=2", {})

    assert written.decode() == json.dumps({"a": [1]}, indent=2)
