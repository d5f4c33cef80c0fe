"""Submissions: remote batches whose results come later."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.utils import timezone

from hub.transactions import begin_again
from marketplaces import ledger
from marketplaces.contract import Facet, Receipt, UnexpectedAnswer
from marketplaces.models import Connection, Lane, Submission

FIRST_POLL = timedelta(seconds=1)


@begin_again
def follow(connection: Connection, facet: Facet, rows: Sequence[ledger.Row], receipt: Receipt) -> None:
    """Remember that these rows wait for a submission, and wake the lane that asks about it.

    A number the marketplace has used before is asked about anew. Raises UnexpectedAnswer where it is that of
    a submission of another kind that is still undecided: their results could not be told apart.
    """
    if not rows or not receipt.submission_id:
        return
    next_poll_at = timezone.now() + (receipt.poll_after or FIRST_POLL)
    submission, made = Submission.objects.get_or_create(
        connection=connection,
        remote_id=receipt.submission_id,
        defaults={
            "seller_id": connection.seller_id,
            "facet": facet.value,
            "items": len(rows),
            "next_poll_at": next_poll_at,
        },
    )
    is_open = submission.state == Submission.State.SENT
    if is_open and submission.facet != facet:
        raise UnexpectedAnswer(
            f"submission {submission.remote_id} is of {submission.facet}, not of {facet.value}"
        )
    if not is_open:
        submission.state, submission.facet, submission.items = Submission.State.SENT, facet.value, len(rows)
        submission.polls, submission.next_poll_at = 0, next_poll_at
        submission.created_at, submission.finished_at = timezone.now(), None
        submission.save()
    ledger.leave_in_flight(facet, rows, submission)
    if made or not is_open:
        wake_lane_at(connection.pk, submission)


def wake_lane_at(connection_id: int, submission: Submission) -> None:
    """Let the submissions lane run when this submission may be asked about."""
    Lane.objects.filter(
        connection_id=connection_id, kind=Lane.Kind.SUBMISSIONS, run_at__gt=submission.next_poll_at
    ).update(run_at=submission.next_poll_at)
