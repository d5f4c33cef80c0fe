from __future__ import annotations

from marketplaces.simulators.kit import Problem, Request, Response
from marketplaces.simulators.sandbox.market import Market


def respond(market: Market, request: Request) -> Response:
    raise Problem(404, "SBX-NOT-FOUND", "Página desconhecida.")


def show_problem(request: Request, problem: Problem) -> Response:
    return Response.of_html("<h1>404</h1>", problem.status)
