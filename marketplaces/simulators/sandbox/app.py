"""The marketplace as one WSGI application: the seller's API, the shop and the controls."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterable, Mapping
from typing import Any

from marketplaces.simulators.kit import FaultQueue, Problem, Request, Response, StartResponse
from marketplaces.simulators.sandbox import api, control, course, shop
from marketplaces.simulators.sandbox.market import Market


class SandboxApp:
    """One WSGI callable. Whatever comes in, a clean answer goes out."""

    def __init__(self, market: Market, faults: FaultQueue, controls: control.Control) -> None:
        self._market, self._faults, self._controls = market, faults, controls

    def __call__(self, environ: Mapping[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        try:
            request = Request.read(environ)
        except Problem as problem:
            return Response.of_problem(problem)(start_response)
        fault = self._faults.take(request.method, request.path)
        if fault is None:
            response = self._respond(request)
        else:
            response = fault.spoil(request, lambda: self._respond(request))
        return response(start_response, request.method)

    def _respond(self, request: Request) -> Response:
        is_api = request.path.startswith(("/v1/", "/_control/"))
        try:
            if (request.method, request.path) != (
                "POST",
                "/v1/loads",
            ):  # taking a load in never waits for others
                course.settle(self._market)
            if request.path.startswith("/v1/"):
                response = api.respond(self._market, request)
            elif request.path.startswith("/_control/"):
                response = control.respond(self._controls, request)
            else:
                response = shop.respond(self._market, request)
        except Problem as problem:
            response = Response.of_problem(problem) if is_api else shop.show_problem(request, problem)
        except Exception:
            traceback.print_exc(file=sys.stderr)
            broken = Problem(500, "SBX-INTERNAL", "Erro interno do simulador.")
            response = Response.of_problem(broken) if is_api else shop.show_problem(request, broken)
        if request.path.startswith("/v1/"):
            self._market.count(f"{request.method[:10]} {api.section_of(request.path)}", response.status)
        return response
