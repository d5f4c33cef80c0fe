"""Seal every stored credential with the newest key of HUB_CREDENTIAL_KEYS."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from hub import vault
from marketplaces.models import Connection, Subscription

SEALED: tuple[tuple[type[Connection] | type[Subscription], str], ...] = (
    (Connection, "sealed_credentials"),
    (Subscription, "sealed_secret"),
)
"""What is kept sealed, and where."""


class Command(BaseCommand):
    """Put the new key first in HUB_CREDENTIAL_KEYS, run this, then take the old key out."""

    help = "Seal marketplace credentials and webhook secrets with the first key of HUB_CREDENTIAL_KEYS."

    def handle(self, *args: Any, **options: Any) -> None:
        """Re-seal one row at a time; current ones are left alone, what cannot be opened is named."""
        done, broken = 0, []
        for model, column in SEALED:
            for pk in model._default_manager.order_by("pk").values_list("pk", flat=True):
                with transaction.atomic():
                    row = model._default_manager.select_for_update(no_key=True).get(pk=pk)
                    sealed = bytes(getattr(row, column))
                    if not sealed or vault.is_current(sealed):
                        continue
                    try:
                        row.reseal()
                    except vault.SealBroken:
                        broken.append(f"{model._meta.model_name} {pk}")
                        continue
                    row.save(update_fields=[column])
                    done += 1
        self.stdout.write(f"{done} credentials sealed with the first key.")
        if broken:
            raise CommandError(f"No key opens the credentials of {', '.join(broken)}; left as they are.")
