"""Read settings from the environment: checked at start, failing loudly with the variable's name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

_TRUE = {"1", "true", "yes", "on", "sim"}
_FALSE = {"0", "false", "no", "off", "nao", "não", ""}


def text(name: str, default: str = "") -> str:
    """Return a variable as it stands."""
    return os.environ.get(name, default)


def choice(name: str, default: str, known: tuple[str, ...]) -> str:
    """Return one of some words; raises ImproperlyConfigured for anything else."""
    word = text(name).strip().lower() or default
    if word not in known:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(known)}, not {word!r}.")
    return word


def flag(name: str, *, default: bool) -> bool:
    """Return a yes/no variable; raises ImproperlyConfigured for anything else."""
    value = os.environ.get(name)
    if value is None:
        return default
    word = value.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name} must be on or off, not {value!r}.")


def number(name: str, default: int) -> int:
    """Return a whole number; raises ImproperlyConfigured for anything else."""
    value = os.environ.get(name, "")
    try:
        return int(value) if value.strip() else default
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None


def numbers(name: str, defaults: Mapping[str, int]) -> dict[str, int]:
    """Return named numbers, the defaults changed by a list such as "a=5,b=9"; raises ImproperlyConfigured."""
    changed = dict(defaults)
    for item in words(name):
        key, _, value = (part.strip() for part in item.rpartition("="))
        if not key or not value.isdecimal():
            raise ImproperlyConfigured(f'{name} must be a list such as "a=5,b=9", not {item!r}.')
        changed[key] = int(value)
    return changed


def words(name: str, default: str = "") -> list[str]:
    """Return a comma separated list without blanks."""
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


def secret(name: str) -> str:
    """Return a secret, from the variable itself or from the file that `<name>_FILE` names."""
    path = os.environ.get(f"{name}_FILE")
    if path:
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE cannot be read: {error}.") from error
    return os.environ.get(name, "").strip()
