"""Credentials at rest: sealed for one row, readable with any key of the list, re-sealed with the newest."""

from __future__ import annotations

import base64
import secrets
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from hub import vault
from marketplaces.models import Connection, Marketplace
from tests import make


def new_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def test_what_was_sealed_for_one_owner_opens_for_no_other() -> None:
    sealed = vault.seal({"api_key": "s3cret"}, owner="one")
    assert b"s3cret" not in sealed
    assert vault.unseal(sealed, owner="one") == {"api_key": "s3cret"}
    with pytest.raises(vault.SealBroken):
        vault.unseal(sealed, owner="two")


def test_a_changed_byte_is_noticed() -> None:
    sealed = bytearray(vault.seal({"api_key": "s3cret"}, owner="one"))
    sealed[-1] ^= 1
    with pytest.raises(vault.SealBroken):
        vault.unseal(bytes(sealed), owner="one")


@pytest.fixture
def connection(db: None) -> Connection:
    marketplace = Marketplace.objects.get_or_create(key="sandbox", defaults={"name": "Sandbox"})[0]
    connection = Connection(seller=make.make_seller(), marketplace=marketplace, name="Sandbox")
    connection.seal_credentials({"api_key": "s3cret", "webhook_secret": "hook"})
    connection.save()
    return connection


def test_rotating_seals_with_the_newest_key_and_the_old_one_may_go(
    connection: Connection, settings: Any
) -> None:
    fresh = new_key()
    settings.CREDENTIAL_KEYS = [fresh, *settings.CREDENTIAL_KEYS]
    call_command("rotate_keys")
    settings.CREDENTIAL_KEYS = [fresh]

    assert Connection.objects.get(pk=connection.pk).credentials.api_key == "s3cret"


def test_rotating_without_the_old_key_changes_nothing_and_says_so(
    connection: Connection, settings: Any
) -> None:
    old = settings.CREDENTIAL_KEYS
    settings.CREDENTIAL_KEYS = [new_key()]
    with pytest.raises(CommandError, match=str(connection.pk)):
        call_command("rotate_keys")
    settings.CREDENTIAL_KEYS = old

    assert Connection.objects.get(pk=connection.pk).credentials.api_key == "s3cret"


def test_the_repr_of_a_connection_shows_no_secret(connection: Connection) -> None:
    assert "s3cret" not in repr(connection) + str(connection) + repr(connection.credentials)
