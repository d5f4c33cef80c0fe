"""The hub's own keys on a machine that was given none: made once, kept in the data directory.

A production machine sets `SECRET_KEY` and `HUB_CREDENTIAL_KEYS`; a fresh one must still start with
keys that survive a restart, or every stored credential would be unreadable the next day.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from pathlib import Path


def load_or_create(path: Path) -> dict[str, str]:
    """Return `secret_key` and `credential_key`, making them on first use; safe with several starters."""
    while True:
        try:
            found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
            return found
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            made = {
                "secret_key": secrets.token_urlsafe(50),
                "credential_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            }
            draft = path.with_name(f"{path.name}.{os.getpid()}")
            draft.touch(mode=0o600)
            draft.write_text(json.dumps(made), encoding="utf-8")
            try:
                # A link fails when another starter was first; its keys then win.
                os.link(draft, path)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
