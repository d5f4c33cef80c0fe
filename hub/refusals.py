"""How a service says no: in a sentence for people, without knowing of HTTP."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _


class Refusal(Exception):
    """A business rule forbids what was asked; the text is a sentence for the person or ERP who asked."""


class Incomplete(Refusal):
    """Something that must be there was not sent."""


class Unknown(Refusal):
    """The seller has no such thing."""


def required_fields(names: Iterable[str]) -> str:
    """Say which fields are missing, in SkyHub's own words once translated."""
    return _("Required fields: %(fields)s") % {"fields": ", ".join(names)}
