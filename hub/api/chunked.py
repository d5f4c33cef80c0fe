"""Bodies without a length: .NET, Java and Node clients send them in chunks, and WSGI knows only lengths."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

from django.conf import settings

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


def with_lengths(application: Application) -> Application:
    """Read a chunked body, up to the limit, and hand it on with its length.

    A longer body is handed on one byte over the limit, so that whoever reads it answers 413. An
    HTTP/1.0 client need not name the host; then it means us.
    """

    def serve(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower() and not environ.get(
            "CONTENT_LENGTH"
        ):
            body = environ["wsgi.input"].read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
            environ["wsgi.input"] = BytesIO(body)
            environ["CONTENT_LENGTH"] = str(len(body))
        if not environ.get("HTTP_HOST"):
            environ["HTTP_HOST"] = f"{settings.HUB_HOST}:{settings.HUB_PORT}"
        return application(environ, start_response)

    return serve
