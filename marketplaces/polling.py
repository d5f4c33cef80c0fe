"""The submissions lane: asks the marketplace what became of the batches it took."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from functools import partial

from django.utils import timezone

from marketplaces import content, ledger, publish
from marketplaces.contract import (
    CredentialsRejected,
    Facet,
    MarketplaceError,
    Receipt,
    Refused,
    SubmissionPoller,
    Throttled,
)
from marketplaces.engine import Turn
from marketplaces.models import Submission
from marketplaces.submissions import FIRST_POLL

logger = logging.getLogger(__name__)

LONGEST_POLL = timedelta(seconds=60)
IDLE = timedelta(minutes=10)
GIVE_UP = timedelta(days=2)
"""A submission still undecided after this long is sent again, after looking its items up."""
MOST_FAILURES = 3
"""Submissions asked about in vain before the lane backs off, where no other got an answer."""


def run_submissions(turn: Turn) -> timedelta:
    """Ask about every submission whose time has come; sleep until the next one's.

    One that gets no answer anybody can read holds up no other: it goes to the end of the line. The lane backs
    off where nothing at all was answered.
    """
    adapter = turn.adapter
    if not isinstance(adapter, SubmissionPoller):
        return IDLE
    waiting = Submission.objects.filter(connection=turn.connection, state=Submission.State.SENT)
    failed: list[Submission] = []
    trouble: MarketplaceError | None = None
    is_answered = False
    while turn.has_time() and (is_answered or len(failed) < MOST_FAILURES):
        due = waiting.filter(next_poll_at__lte=timezone.now()).exclude(pk__in=[one.pk for one in failed])
        submission = due.order_by("next_poll_at").first()
        if submission is None:
            break
        try:
            receipt = turn.call(partial(adapter.poll, submission.remote_id))
        except Refused:
            is_answered = True
            _lose(turn, submission)
        except (Throttled, CredentialsRejected):
            raise
        except MarketplaceError as error:
            logger.warning("submission %s: %s: %s", submission.pk, type(error).__name__, error)
            trouble = trouble or error
            failed.append(submission)
            if _is_too_old(submission):
                _lose(turn, submission)
            else:
                _ask_again(submission, timedelta(0))
        else:
            is_answered = True
            _settle(turn, submission, receipt)
    if trouble is not None and not is_answered:
        raise trouble
    for submission in failed:
        _ask_again(submission, _pause(submission))
    following = waiting.order_by("next_poll_at").values_list("next_poll_at", flat=True).first()
    return max(timedelta(0), following - timezone.now()) if following else IDLE


def _settle(turn: Turn, submission: Submission, receipt: Receipt) -> None:
    """Write down what a submission's result says so far."""
    facet = Facet(submission.facet)
    waiting = ledger.in_flight(submission)
    rows = {sku: row for sku, row, _cause in waiting}
    if receipt.outcomes:
        turn.record.last_was_about({sku: cause for sku, _row, cause in waiting})
    if facet is Facet.CONTENT:
        told = content.settle_results(turn, rows, receipt.outcomes)
    else:
        told = publish.settle_results(turn, facet, rows, receipt.outcomes)
    if receipt.submission_id and not _is_too_old(submission):
        _ask_again(submission, receipt.poll_after or _pause(submission))
    else:
        silent = {sku: row for sku, row in rows.items() if sku not in told}
        _finish(turn, submission, Submission.State.DONE, silent)


def _is_too_old(submission: Submission) -> bool:
    return timezone.now() - submission.created_at >= GIVE_UP


def _pause(submission: Submission) -> timedelta:
    """How long to wait until a submission is asked about once more: the longer, the more often it was."""
    pause: timedelta = FIRST_POLL * 2 ** min(submission.polls, 8)
    return min(LONGEST_POLL, pause)


def _ask_again(submission: Submission, pause: timedelta) -> None:
    Submission.objects.filter(pk=submission.pk).update(
        polls=submission.polls + 1, next_poll_at=timezone.now() + pause
    )


def _lose(turn: Turn, submission: Submission) -> None:
    """Nobody will ever tell what became of a submission."""
    rows = {sku: row for sku, row, _cause in ledger.in_flight(submission)}
    _finish(turn, submission, Submission.State.LOST, rows)


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
