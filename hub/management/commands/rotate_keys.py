"""Seal every stored credential with the newest key of HUB_CREDENTIAL_KEYS."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from hub import vault
from marketplaces.models import Connection


class Command(BaseCommand):
    """Put the new key first in HUB_CREDENTIAL_KEYS, run this, then take the old key out."""

    help = "Seal marketplace credentials with the first key of HUB_CREDENTIAL_KEYS."

    def handle(self, *args: Any, **options: Any) -> None:
        """Re-seal one row at a time; current ones are left alone, what cannot be opened is named."""
        done, broken = 0, []
        for pk in Connection.objects.order_by("pk").values_list("pk", flat=True):
            with transaction.atomic():
                row = Connection.objects.select_for_update().get(pk=pk)
                if not row.sealed_credentials or vault.is_current(bytes(row.sealed_credentials)):
                    continue
                try:
                    row.reseal()
                except vault.SealBroken:
                    broken.append(pk)
                    continue
                row.save(update_fields=["sealed_credentials"])
                done += 1
        self.stdout.write(f"{done} credentials sealed with the first key.")
        if broken:
            raise CommandError(f"No key opens the credentials of connections {broken}; left as they are.")
