"""What calls and answers look like in life, for the API's description.

The examples of a package's views stand in its module `examples`, in `EXAMPLES` by operation id. They tell
one story: a shop with a mug and a T-shirt, its account at the sandbox, one order. A test sends every body
and compares every answer's shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.utils.functional import lazy
from django.utils.translation import gettext

NOWHERE = "NAO-EXISTE"
"""A code nobody has, in examples of what is not found."""


@dataclass(frozen=True, slots=True)
class Example:
    """One operation at work.

    `bodies` are what can be sent, under a title each; `errors` the sentence of an answer by its status,
    translated when it is asked for.
    """

    bodies: Mapping[str, Any] = field(default_factory=dict)
    answer: Any = None
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[int, Any] = field(default_factory=dict)


def example_of(view: type, operation_id: str) -> Example:
    """Return the example of an operation; an empty one where nobody wrote it."""
    name = f"{view.__module__.rpartition('.')[0]}.examples"
    if name == __name__ or find_spec(name) is None:
        return Example()
    found: Example = import_module(name).EXAMPLES.get(operation_id, Example())
    return found


def said(sentence: str, **params: Any) -> Any:
    """Return a sentence of the API's, translated and filled in when it is asked for."""
    return lazy(lambda: gettext(sentence) % params, str)()


def missing(*names: str) -> Any:
    """Return the sentence about fields that were not sent."""
    return said("Required fields: %(fields)s", fields=", ".join(names))
