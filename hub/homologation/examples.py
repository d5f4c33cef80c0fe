"""A homologation in life: one case is passed, the next was not tried yet."""

from __future__ import annotations

from typing import Any

from hub.api.examples import Example, said
from hub.homologation.models import CASES_IN_ALL

NOT_A_TEST = said("Only test accounts are homologated.")
CASES: list[dict[str, Any]] = [
    {
        "number": 1,
        "group": "Produtos",
        "title": "Produto simples",
        "how": "POST /products sem variações, com foto e categoria: 201.",
        "optional": False,
        "state": "passed",
        "problem": None,
        "request_id": "erp-2026-0001",
    },
    {
        "number": 2,
        "group": "Produtos",
        "title": "Produto com uma variação",
        "how": "POST /products com uma variação e variation_attributes: 201.",
        "optional": False,
        "state": "open",
        "problem": None,
        "request_id": None,
    },
]
HOMOLOGATION: dict[str, Any] = {
    "started_at": "2026-03-02T10:30:00-03:00",
    "closed_at": None,
    "certificate": None,
    "integration": None,
    "passed": 1,
    "missing": CASES_IN_ALL - 1,
    "cases": CASES,
}
BEGUN = {
    **HOMOLOGATION,
    "passed": 0,
    "missing": CASES_IN_ALL,
    "cases": [{**CASES[0], "state": "open", "request_id": None}, CASES[1]],
}

EXAMPLES = {
    "homologation_show": Example(
        answer=HOMOLOGATION,
        errors={
            403: NOT_A_TEST,
            404: said("No homologation has begun; begin one with POST /homologation."),
        },
    ),
    "homologation_start": Example(answer=BEGUN, errors={403: NOT_A_TEST}),
}
