"""The submissions lane: asks the marketplace what became of the batches it took."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import partial

from django.utils import timezone

from marketplaces import content, ledger, publish
from marketplaces.contract import Facet, Receipt, Refused, SubmissionPoller
from marketplaces.engine import Turn
from marketplaces.models import Submission
from marketplaces.submissions import FIRST_POLL

LONGEST_POLL = timedelta(seconds=60)
IDLE = timedelta(minutes=10)
GIVE_UP = timedelta(days=2)
"""A submission still undecided after this long is sent again, after looking its items up."""


def run_submissions(turn: Turn) -> timedelta:
    """Ask about every submission whose time has come; sleep until the next one's."""
    adapter = turn.adapter
    if not isinstance(adapter, SubmissionPoller):
        return IDLE
    waiting = Submission.objects.filter(connection=turn.connection, state=Submission.State.SENT)
    while turn.has_time():
        submission = waiting.filter(next_poll_at__lte=timezone.now()).order_by("next_poll_at").first()
        if submission is None:
            break
        try:
            receipt = turn.call(partial(adapter.poll, submission.remote_id))
        except Refused:
            rows = {sku: row for sku, row, _cause in ledger.in_flight(submission)}
            _finish(turn, submission, Submission.State.LOST, rows)
            continue
        facet = Facet(submission.facet)
        waiting_rows = ledger.in_flight(submission)
        rows = {sku: row for sku, row, _cause in waiting_rows}
        if receipt.outcomes:
            turn.record.last_was_about({sku: cause for sku, _row, cause in waiting_rows})
        if facet is Facet.CONTENT:
            told = content.settle_results(turn, rows, receipt.outcomes)
        else:
            told = publish.settle_results(turn, facet, rows, receipt.outcomes)
        if receipt.submission_id and timezone.now() - submission.created_at < GIVE_UP:
            _ask_again(submission, receipt)
        else:
            silent = {sku: row for sku, row in rows.items() if sku not in told}
            _finish(turn, submission, Submission.State.DONE, silent)
    following = waiting.order_by("next_poll_at").values_list("next_poll_at", flat=True).first()
    return max(timedelta(0), following - timezone.now()) if following else IDLE


def _ask_again(submission: Submission, receipt: Receipt) -> None:
    pause = receipt.poll_after or min(LONGEST_POLL, FIRST_POLL * 2 ** min(submission.polls, 8))
    Submission.objects.filter(pk=submission.pk).update(
        polls=submission.polls + 1, next_poll_at=timezone.now() + pause
    )


def _finish(
    turn: Turn, submission: Submission, state: Submission.State, silent: Mapping[str, ledger.Row]
) -> None:
    """End a submission; what its result did not name is looked up and sent again, three times in all."""
    facet = Facet(submission.facet)
    if facet is Facet.CONTENT:
        content.hear_nothing(turn, silent)
    else:
        publish.hear_nothing(turn, facet, list(silent.values()))
    Submission.objects.filter(pk=submission.pk).update(
        state=state, finished_at=timezone.now(), polls=submission.polls + 1
    )
