"""Credentials at rest: AES-256-GCM, bound to the row they belong to.

Stored form: version byte, 4-byte key fingerprint, 12-byte nonce, ciphertext and tag. The additional
data name the owner, so a ciphertext copied to another seller's row does not open there.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

_VERSION = b"\x01"


class SealBroken(Exception):
    """The stored credentials cannot be opened: their key is missing or the data were altered."""


@cache
def _keys(encoded: tuple[str, ...]) -> dict[bytes, AESGCM]:
    keys: dict[bytes, AESGCM] = {}
    for text in encoded:
        try:
            raw = base64.urlsafe_b64decode(text.strip())
        except ValueError:
            raw = b""
        if len(raw) != 32:
            raise ImproperlyConfigured("HUB_CREDENTIAL_KEYS must hold urlsafe base64 of 32 bytes each.")
        keys[hashlib.sha256(raw).digest()[:4]] = AESGCM(raw)
    if not keys:
        raise ImproperlyConfigured("HUB_CREDENTIAL_KEYS is empty.")
    return keys


def _key_ring() -> dict[bytes, AESGCM]:
    return _keys(tuple(settings.CREDENTIAL_KEYS))


def seal(values: Mapping[str, str], *, owner: str) -> bytes:
    """Encrypt a small mapping for one owner with the first key of the list."""
    fingerprint, cipher = next(iter(_key_ring().items()))
    nonce = os.urandom(12)
    plain = json.dumps(dict(values), ensure_ascii=False, sort_keys=True).encode()
    return _VERSION + fingerprint + nonce + cipher.encrypt(nonce, plain, owner.encode())


def unseal(sealed: bytes, *, owner: str) -> dict[str, str]:
    """Decrypt what `seal` made for the same owner; raises SealBroken."""
    sealed = bytes(sealed)
    if not sealed:
        return {}
    fingerprint, nonce, body = sealed[1:5], sealed[5:17], sealed[17:]
    cipher = _key_ring().get(fingerprint)
    if sealed[:1] != _VERSION or cipher is None:
        raise SealBroken("the key of these credentials is not in HUB_CREDENTIAL_KEYS")
    try:
        opened: dict[str, str] = json.loads(cipher.decrypt(nonce, body, owner.encode()))
    except InvalidTag as error:
        raise SealBroken("these credentials were altered or moved") from error
    return opened


def is_current(sealed: bytes) -> bool:
    """Say whether the first key of the list sealed this."""
    return bytes(sealed)[1:5] == next(iter(_key_ring()))
