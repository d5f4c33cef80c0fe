"""/questions: what shoppers ask about products, and the seller's answers.

No marketplace of this hub hands questions on yet, so a production account's list is empty. A test
account makes its own, as it makes its own orders, to try an integration.
"""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from catalog import values
from hub.api.parsing import unwrap
from hub.api.schema import errors, nothing
from hub.api.shapes import MAYBE, MOMENT, NEXT, TEXT, WALK, Schema, json_body, many, named, taken, told, word
from hub.api.views import SellerView, done
from hub.refusals import Incomplete, Refusal, Unknown, required_fields
from hub.row_number import row_number
from marketplaces.api.views import WalkedView, one_of
from orders.models import Question
from orders.wire import moment

MOST_TEXT = 2_000

_WORDS: Schema = {**TEXT, "minLength": 1, "maxLength": MOST_TEXT}
SHOWN = named(
    "Question",
    told(
        id=TEXT,
        platform=TEXT,
        sku=MAYBE,
        text=TEXT,
        customer=MAYBE,
        status=word(*Question.Status.values),
        created_at=MOMENT,
        answer={**told(text=TEXT, created_at=MOMENT), "nullable": True},
    ),
)
_ASKED = named(
    "NewQuestion",
    taken(
        "platform",
        "text",
        platform={**TEXT, "minLength": 1, "maxLength": 80},
        sku={**TEXT, "maxLength": 100},
        text=_WORDS,
        customer={**TEXT, "maxLength": 150},
    ),
)
NUMBER = OpenApiParameter("number", str, OpenApiParameter.PATH, description="The question's id.")


def _shown(one: Question) -> dict[str, Any]:
    told = {"text": one.answer, "created_at": moment(one.answered_at)} if one.answered_at else None
    return {
        "id": str(one.pk),
        "platform": one.platform,
        "sku": one.sku or None,
        "text": one.text,
        "customer": one.asked_by or None,
        "status": one.status,
        "created_at": moment(one.asked_at),
        "answer": told,
    }


class QuestionsView(WalkedView):
    """The questions; and, for test accounts, a way to make one."""

    filters = ("status", "platform")

    @extend_schema(
        operation_id="questions_list",
        summary="List questions, newest first",
        parameters=[
            OpenApiParameter("status", str, enum=Question.Status.values),
            OpenApiParameter("platform", str, description="The channel."),
            *WALK,
        ],
        responses={200: told(questions=many(SHOWN), next=NEXT), **errors(400)},
    )
    def get(self, request: Request) -> Response:
        """List questions."""

        def narrow(given: dict[str, str]) -> QuerySet[Question]:
            rows = Question.objects.filter(seller_id=self.seller_id)
            if "status" in given:
                status = one_of("status", given["status"].upper(), Question.Status.values)
                rows = rows.filter(status=status)
            if "platform" in given:
                rows = rows.filter(platform__iexact=given["platform"])
            return rows

        return self.walk(request, "questions", narrow, lambda page: [_shown(one) for one in page])

    @extend_schema(
        operation_id="questions_create",
        summary="Make a test question",
        description="Only for test accounts.",
        request=json_body(told(question=_ASKED)),
        responses={201: SHOWN, **errors(400, 403, 422)},
    )
    def post(self, request: Request) -> Response:
        """Ask something as a shopper would."""
        said = unwrap(request.data, "question", bare=("text",))
        if not self.is_test_account:
            raise PermissionDenied(_("Only test accounts can make questions over the API."))
        missing = [name for name in ("platform", "text") if not said.get(name)]
        if missing:
            raise Incomplete(required_fields(missing))
        question = Question.objects.create(
            seller=self.seller,
            platform=values.code("platform", said["platform"], 80),
            sku=values.text(100).read("sku", said.get("sku")).strip(),
            text=_words("text", said["text"]),
            asked_by=values.text(150).read("customer", said.get("customer")).strip(),
        )
        return Response(_shown(question), status=201)


def _words(name: str, said: Any) -> str:
    words: str = values.text(MOST_TEXT).read(name, said).strip()
    if not words:
        raise Refusal(_("%(field)s: must not be empty.") % {"field": name})
    return words


def _find(seller_id: int, number: str) -> Question:
    found = Question.objects.filter(seller_id=seller_id, pk=row_number(number)).first()
    if found is None:
        raise Unknown(_("There is no question with the id %(number)s.") % {"number": number})
    return found


class QuestionView(SellerView):
    """One question."""

    @extend_schema(
        operation_id="questions_get",
        summary="Show a question",
        parameters=[NUMBER],
        responses={200: SHOWN, **errors(404)},
    )
    def get(self, request: Request, number: str) -> Response:
        """Show a question with its answer."""
        return Response(_shown(_find(self.seller_id, number)))

    @extend_schema(
        operation_id="questions_delete",
        summary="Delete a question",
        parameters=[NUMBER],
        responses={**nothing(204), **errors(404)},
    )
    def delete(self, request: Request, number: str) -> HttpResponse:
        """Delete a question."""
        _find(self.seller_id, number).delete()
        return done(204)


class AnswerView(SellerView):
    """The answer to a question."""

    @extend_schema(
        operation_id="questions_answer",
        summary="Answer a question",
        description="A question is answered once.",
        parameters=[NUMBER],
        request=json_body(told(answer=told(text=_WORDS))),
        responses={**nothing(201), **errors(400, 404, 422)},
    )
    def post(self, request: Request, number: str) -> HttpResponse:
        """Answer a question."""
        question = _find(self.seller_id, number)
        data = request.data
        said = data.get("answer", data.get("text")) if isinstance(data, dict) else None
        words = said.get("text") if isinstance(said, dict) else said
        if words in (None, ""):
            raise Incomplete(required_fields(["answer.text"]))
        answered = {
            "status": Question.Status.ANSWERED,
            "answer": _words("answer.text", words),
            "answered_at": timezone.now(),
        }
        unanswered = Question.objects.filter(pk=question.pk, status=Question.Status.UNANSWERED)
        if not unanswered.update(**answered):
            raise Refusal(_("This question has been answered already."))
        return done(201)
