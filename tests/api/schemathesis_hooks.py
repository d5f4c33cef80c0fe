"""Two of schemathesis' checks, as far as they are true of an API that is lenient on purpose.

Its own forms of them demand that every call that differs from its description is refused. Shop modules
differ in known ways, and taking their calls is the hub's contract (docs/decisions/0012-unknown-fields.md,
`catalog.values`).
"""

from __future__ import annotations

from typing import Any

import schemathesis
from schemathesis.specs.openapi import checks

LENIENT = (
    ("incorrect type", "numbers come as texts, one text as a list of one, and null or [] where nothing is"),
    ("violates `type`", "the same, as later phases put it"),
    ("unexpected properties", "unknown fields are ignored and named in X-Hub-Ignored-Fields"),
    ("additionalproperties", "the same, as later phases put it"),
    ("format", "the empty text is no value; dates come as dd/mm/yyyy too"),
    ("since: string smaller", "the empty text is no value, beside codes"),
    ("`minlength` at /properties/since", "the same, as later phases put it"),
    ("codes: array with more items", "codes are not read where items are sent"),
    ("missing required property: key", "a specification that says nothing is passed over"),
)
"""What may differ without a refusal, and why."""
RESULT_PER_ITEM = "/bulk/"
"""Calls whose refusals are told item by item in a 200."""


@schemathesis.check
def wrong_calls_are_refused(ctx: Any, response: Any, case: Any) -> bool | None:
    """Check that a call differing in any other way is refused."""
    said = (getattr(case.meta.phase.data, "description", None) or "").lower() if case.meta else ""
    if case.path.startswith(RESULT_PER_ITEM) or any(words in said for words, _why in LENIENT):
        return None
    return checks.negative_data_rejection(ctx, response, case)


@schemathesis.check
def right_calls_are_understood(ctx: Any, response: Any, case: Any) -> bool | None:
    """Check that no call that keeps to its description is called malformed.

    A description cannot say which pages are too deep, that a cursor must be one the hub gave, that a text
    holds no NUL, or that a file must have a name.
    """
    query = case.query or {}
    unsayable = {"page", "cursor"} & set(query) or "\\x00" in repr(query)
    unsayable = unsayable or case.media_type == "multipart/form-data"
    if response.status_code == 400 and unsayable:
        return None
    return checks.positive_data_acceptance(ctx, response, case)
