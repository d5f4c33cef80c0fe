"""What a line of the table says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from hub.models import Seller

Ids = Mapping[str, str]
AS_HAPPY: Final = object()
"""The body of the happy call."""
ANYTHING: Final = object()
NOTHING: Final = object()
"""No body at all."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call and what it must bring. Bodies and addresses may name the world's ids."""

    status: int
    body: Any = AS_HAPPY
    """JSON, or a function of the ids that returns it."""
    shows: Any = ANYTHING
    """The whole JSON of the answer, or a function of it (and the ids) that says whether it is right."""
    path: str = ""
    """Another address than the row's."""
    headers: Mapping[str, str] = field(default_factory=dict)
    then: Callable[[Seller, Ids], object] | None = None
    """Whether the database holds what the call was for."""


@dataclass(frozen=True, slots=True)
class Row:
    """One method of one address. A text instead of a call says why there is none of that kind."""

    endpoint: str
    happy: Call
    bad: Call | str
    unknown: Call | str = Call(404)
    """The happy call with ids nobody has."""
    stranger: Call | str = Call(404)
    """The happy call, word by word, with another seller's key."""
    path: str = ""
    """The address with the world's ids in it, where the endpoint has a changing part."""
    without_key: Call | str = Call(401)

    @property
    def method(self) -> str:
        return self.endpoint.partition(" ")[0]

    @property
    def address(self) -> str:
        return self.path or self.endpoint.partition(" ")[2]


ADDRESS_ONLY = "Takes nothing but its address."
NO_INPUT = "Takes no input."
NO_ID = "Names nothing that could be missing."
