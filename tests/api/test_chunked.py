"""Bodies that come in chunks, without a Content-Length."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from django.test import RequestFactory, override_settings
from django.test.client import ClientHandler

from catalog.models import Variation
from hub.api.chunked import with_lengths
from tests.api.erp import Erp
from tests.make import make_product, make_seller

pytestmark = pytest.mark.django_db


def put(erp: Erp, path: str, body: bytes, **changes: Any) -> int:
    """Send a chunked PUT as a WSGI server hands it on; return the status."""
    django = ClientHandler()
    serve: Any = with_lengths(lambda environ, start_response: django(environ))
    environ = (
        RequestFactory(headers=erp.headers).generic("PUT", path, content_type="application/json").environ
    )
    environ |= {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": BytesIO(body), **changes}
    environ.pop("CONTENT_LENGTH", None)
    status: int = serve(environ, None).status_code
    return status


@pytest.fixture
def erp() -> Erp:
    erp = Erp(make_seller())
    make_product(erp.seller, "A", qty=1)
    return erp


def test_a_chunked_body_is_read(erp: Erp) -> None:
    assert put(erp, "/products/A", b'{"product": {"qty": 6}}') == 204
    assert Variation.objects.get().qty == 6


@override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=20)
def test_a_chunked_body_over_the_limit_is_a_413(erp: Erp) -> None:
    assert put(erp, "/products/A", b'{"product": {"qty": 6}}') == 413
    assert Variation.objects.get().qty == 1


def test_a_client_that_names_no_host_means_us(erp: Erp) -> None:
    assert put(erp, "/products/A", b'{"product": {"qty": 6}}', HTTP_HOST="") == 204
