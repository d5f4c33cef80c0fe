"""Addresses as people write them, `/orders/{code}/invoice`, from the patterns the apps register."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from django.contrib.admindocs.views import simplify_regex
from django.urls import URLPattern, URLResolver, get_resolver

_NAMED = re.compile(r"<(?:\w+:)?(\w+)>")


@cache
def endpoint_of(route: str) -> str:
    """Write a route's pattern as an address with its changing parts named."""
    return _NAMED.sub(r"{\1}", simplify_regex(route)).rstrip("/") or "/"


def group_of(endpoint: str) -> str:
    """Return the first word of an endpoint: "orders"."""
    return endpoint.split("/", 2)[1]


@cache
def endpoints_of(view: type) -> tuple[str, ...]:
    """Return every address that leads to views of a class, in alphabetical order."""
    return tuple(sorted({endpoint_of(route) for route in _routes(get_resolver().url_patterns, "", view)}))


def _routes(patterns: Any, prefix: str, view: type) -> Iterator[str]:
    for entry in patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _routes(entry.url_patterns, route, view)
        elif isinstance(entry, URLPattern) and leads_to(entry.callback, view):
            yield route


def leads_to(callback: Any, view: type) -> bool:
    """Tell whether a function of the URL configuration stands for a view of the class."""
    found = getattr(callback, "cls", None)
    return isinstance(found, type) and issubclass(found, view)
