"""The content lane: publishes, associates and withdraws listings, and re-checks the refused ones."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from functools import partial

from django.utils import timezone

from catalog.models import Variation
from hub.transactions import begin_again
from marketplaces import (
    halving,
    held,
    ledger,
    price_rules,
    publish,
    reconnect,
    states,
    submissions,
    taxonomy,
    terms,
)
from marketplaces.batches import batches
from marketplaces.contract import (
    CategorySchema,
    ContentItem,
    ContentPublisher,
    Facet,
    Issue,
    IssueKind,
    ListingReader,
    ListingState,
    ListingView,
    MarketplaceError,
    Match,
    Matcher,
    MatchQuery,
    Outcome,
    Receipt,
    Refused,
    TaxonomySource,
    Unavailable,
    UnexpectedAnswer,
    Verdict,
    WithdrawItem,
)
from marketplaces.desired import Draft, Schemas, Translator
from marketplaces.engine import Turn
from marketplaces.ledger import Due, Row
from marketplaces.models import Issue as StoredIssue
from marketplaces.models import Lane, Listing, Load, Sync
from marketplaces.states import Move, Refusal

State = Listing.State
TO_SEND = (State.WAITING, State.PROCESSING)
ON_SALE = (State.CONNECTED, State.CATALOGUING)
TAKEN = (ListingState.LIVE, ListingState.CATALOGUING)
ASIDE = timedelta(seconds=30)
"""How long listings are set aside whose category's schema gets no answer."""


class _PacedSchemas:
    """Asks the marketplace for schemas within the connection's pace."""

    def __init__(self, turn: Turn, source: TaxonomySource) -> None:
        self._turn, self._source = turn, source

    def schema(self, category_id: str) -> CategorySchema:
        return self._turn.call(partial(self._source.schema, category_id))


def run_content(turn: Turn) -> timedelta:
    """Send, withdraw and re-check due listings until the slice is over or nothing is due.

    What the seller decided (switches, mapping, price rules) is read after what is due, in every batch: a
    decision that made a row due is then never older than the row. A category whose schema gets no answer
    holds up its own listings alone; the lane says so, and backs off, when all else is sent. A listing the
    marketplace answers with an error is found and set apart (`marketplaces.easing`).
    """
    adapter = turn.adapter
    if not isinstance(adapter, ContentPublisher):
        return timedelta(hours=1)
    source = _PacedSchemas(turn, adapter) if isinstance(adapter, TaxonomySource) else None
    schemas: Schemas = {}
    size = turn.connection.marketplace.description.batch.content
    while turn.has_time():
        taken = ledger.take_due(turn.connection.pk, Facet.CONTENT, turn.easing.reach(size))
        if not taken:
            break
        turn.connection.refresh_from_db(fields=["sync_content", "auto_reconnect"])
        translator = Translator(turn.connection, source, schemas)
        turn.record.causes = {due.sku: due.cause for due in taken}
        states.start_loads(due.load_id for due in taken)
        follows = turn.connection.sync_content
        to_send = [due for due in taken if _is_to_withdraw(due) or _is_to_publish(due, follows)]
        to_check = [due for due in taken if due.state == State.ERROR and due.intent == Listing.Intent.LISTED]
        handled = {due.listing_id for due in (*to_send, *to_check)}
        _leave([due for due in taken if due.listing_id not in handled])
        for some in turn.easing.calls(to_send, size, lambda due: due.is_apart, _is_fresh):
            _send(turn, adapter, translator, some)
        if to_check:
            _check_again(turn, translator, to_check)
        states.finish_loads(turn.connection.pk)
        if turn.easing.was_in_vain:
            return publish.IN_VAIN
    for told in schemas.values():
        if isinstance(told, taxonomy.GETS_NO_ANSWER):
            raise told
    return timedelta(0)


def _is_to_withdraw(due: Due) -> bool:
    return due.intent == Listing.Intent.WITHDRAWN and due.state in TO_SEND


def _is_to_publish(due: Due, content_follows: bool) -> bool:
    return due.intent == Listing.Intent.LISTED and (
        due.state in TO_SEND or (content_follows and due.state in ON_SALE)
    )


def _is_fresh(due: Due) -> bool:
    """Tell whether no call about it can have failed: it was neither sent nor looked up nor matched yet."""
    return due.sent_at is None and (due.mode != Listing.Mode.ASSOCIATE or bool(due.catalogue_id))


def _send(turn: Turn, adapter: ContentPublisher, translator: Translator, dues: Sequence[Due]) -> None:
    """Withdraw or publish; an error passes through unless one listing seems to be at fault."""
    to_withdraw = [due for due in dues if _is_to_withdraw(due)]
    to_publish = [due for due in dues if not _is_to_withdraw(due)]
    try:
        if to_withdraw:
            _withdraw(turn, adapter, to_withdraw)
        is_published = _publish(turn, adapter, translator, to_publish)
    except (Unavailable, UnexpectedAnswer) as error:
        turn.easing.narrow(len(dues), error, is_apart=dues[0].is_apart)
        if len(dues) == 1:
            _set_apart(turn, dues[0], error)
    else:
        if to_withdraw or is_published:
            turn.easing.go_on()


@begin_again
def _set_apart(turn: Turn, due: Due, error: MarketplaceError) -> None:
    """Try it again later, by itself; after some tries it is refused, so that its load has an end.

    It may be there for all that: whoever asks for it again has it looked up first.
    """
    row = (due.listing_id, due.version, "")
    if ledger.set_apart(Facet.CONTENT, row) >= ledger.BLOCKS_AFTER:
        said = Outcome(due.sku, Verdict.REJECTED, issues=(publish.error_there(error),))
        settle_results(turn, {due.sku: row}, [said])


def _leave(dues: Sequence[Due]) -> None:
    """Send nothing of these; a publication that was never answered may have taken effect for all that."""
    ledger.send_terms_after([due.listing_id for due in dues if due.is_uncertain])
    ledger.clear(Facet.CONTENT, [(due.listing_id, due.version, "") for due in dues])


def _drafts(translator: Translator, dues: Sequence[Due]) -> dict[int, Draft]:
    """Translate what is due; what nobody can check, for want of its category's schema, is set aside."""
    variations = Variation.objects.select_related("product").in_bulk([due.variation_id for due in dues])
    drafts: dict[int, Draft] = {}
    aside: list[Row] = []
    try:
        for due in dues:
            if due.variation_id not in variations:
                continue
            draft = translator.draft(
                variations[due.variation_id], remote_id=due.remote_id, catalogue_id=due.catalogue_id
            )
            if draft.is_unchecked and due.mode != Listing.Mode.ASSOCIATE:
                aside.append((due.listing_id, due.version, ""))
            else:
                drafts[due.listing_id] = draft
    finally:
        # Also where the slice ends over it: otherwise the same category is asked about first for ever.
        ledger.wait(Facet.CONTENT, aside, ASIDE)
    return drafts


def _issues(due: Due, draft: Draft) -> tuple[Issue, ...]:
    """What stands in the way: all of it for a publication, only the price for a link to an existing entry."""
    if due.mode == Listing.Mode.ASSOCIATE:
        return tuple(issue for issue in draft.issues if issue.field == "price")
    return draft.issues


def _as_sent(due: Due, item: ContentItem, link: str) -> ContentItem:
    """An item as it goes out: with its link when it is to be associated, without any when published."""
    return replace(item, catalogue_id=link if due.mode == Listing.Mode.ASSOCIATE else "")


def digest(item: ContentItem) -> str:
    """Return a short fingerprint of what is published; price and stock have facets of their own."""
    words = asdict(item)
    for apart in ("price", "list_price", "quantity", "remote_id"):
        del words[apart]
    return hashlib.sha256(json.dumps(words, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _publish(turn: Turn, adapter: ContentPublisher, translator: Translator, dues: Sequence[Due]) -> bool:
    """Check, look up, match and send; False where there was nothing to send."""
    drafts = _drafts(translator, dues)
    by_id = {due.listing_id: due for due in dues}
    sound: list[Due] = []
    refused: list[Refusal] = []
    for due in dues:
        draft = drafts.get(due.listing_id)
        if draft is None:
            continue
        if issues := _issues(due, draft):
            refused.append(Refusal(due.listing_id, due.load_id, due.version, issues))
        else:
            sound.append(due)
    _refuse(turn, StoredIssue.Origin.CHECK, refused, by_id)
    found = {due.listing_id: due.remote_id for due in sound}
    links = {due.listing_id: due.catalogue_id for due in sound}
    sound = _look_up_uncertain(turn, sound, found, by_id)
    sound = _match(turn, sound, drafts, links, by_id)
    if not sound:
        return False
    items = [
        replace(
            _as_sent(due, drafts[due.listing_id].item, links[due.listing_id]), remote_id=found[due.listing_id]
        )
        for due in sound
    ]
    rows: dict[str, Row] = {
        due.sku: (due.listing_id, due.version, digest(item)) for due, item in zip(sound, items, strict=True)
    }
    _note_first_sending(sound)
    _mark_sent(sound, list(rows.values()))

    _number, rules = price_rules.current(turn.connection.pk)
    sent_before = {due.listing_id: due.sent_at for due in sound}

    def send(some: Sequence[ContentItem]) -> Receipt:
        """Send with the terms of this moment: what goes out later goes out once more after the answer."""
        going = {rows[item.sku][0]: item for item in some}
        said = terms.as_sent(rules, going, sent_before)
        going = {listing_id: replace(item, **said.get(listing_id, {})) for listing_id, item in going.items()}
        terms.carry(going)
        return adapter.publish_content(list(going.values()))

    halving.send(turn, items, send, partial(_settle_batch, turn, rows, by_id))
    return True


def _mark_sent(dues: Sequence[Due], rows: Sequence[Row]) -> None:
    """Write down what is about to be sent; the moment of one that was never answered is forgotten by that."""
    ledger.send_terms_after([due.listing_id for due in dues if due.is_uncertain])
    ledger.mark_sent(Facet.CONTENT, rows)


def _note_first_sending(dues: Iterable[Due]) -> None:
    loads = {due.load_id for due in dues if due.load_id is not None}
    Load.objects.filter(pk__in=loads, first_sent_at__isnull=True).update(first_sent_at=timezone.now())


def _look_up_uncertain(
    turn: Turn, dues: list[Due], found: dict[int, str], by_id: Mapping[int, Due]
) -> list[Due]:
    """Ask about items that were sent before and have no code yet, so that nothing is created twice.

    Whatever was settled since then (our own check refused newer data, the listing was taken off sale), an
    unanswered publication may have taken effect. One the marketplace will not tell of is not sent.
    """
    adapter = turn.adapter
    uncertain = [due for due in dues if (due.is_uncertain or due.sent_at) and not due.remote_id]
    if not uncertain or not isinstance(adapter, ListingReader):
        return dues
    refused: list[Refusal] = []
    size = turn.connection.marketplace.description.batch.read

    def read(some: Sequence[Due]) -> Sequence[ListingView]:
        return adapter.read_listings([due.sku for due in some])

    for some, views in halving.ask(turn, uncertain, size, read, lambda due: due.sku):
        if isinstance(views, Refused):
            refused.append(_told_no(some[0], views))
            continue
        listing_of = {due.sku: due.listing_id for due in some}
        for view in views:
            if view.state is not ListingState.ABSENT and view.sku in listing_of:
                found[listing_of[view.sku]] = view.remote_id
        # The unanswered publication of these was taken; what becomes of the next one does not change that.
        there = {view.sku for view in views if view.state in TAKEN}
        terms.settle([listing_of[sku] for sku in there & listing_of.keys()])
    _refuse(turn, StoredIssue.Origin.MARKETPLACE, refused, by_id)
    gone = {one.listing_id for one in refused}
    return [due for due in dues if due.listing_id not in gone]


def _told_no(due: Due, refusal: Refused) -> Refusal:
    """The marketplace would not so much as answer about this listing."""
    return Refusal(due.listing_id, due.load_id, due.version, halving.issues(refusal))


def _match(
    turn: Turn, dues: list[Due], drafts: Mapping[int, Draft], links: dict[int, str], by_id: Mapping[int, Due]
) -> list[Due]:
    """Find the existing entry of each item to associate; those without one are refused."""
    adapter = turn.adapter
    wanting = [due for due in dues if due.mode == Listing.Mode.ASSOCIATE and not due.catalogue_id]
    if not wanting or not isinstance(adapter, Matcher):
        return dues
    refused: list[Refusal] = []
    told_no: list[Refusal] = []
    size = turn.connection.marketplace.description.batch.match

    def match_all(some: Sequence[Due]) -> Sequence[Match]:
        items = [drafts[due.listing_id].item for due in some]
        return adapter.match([MatchQuery(item.sku, item.gtin, item.title, item.brand) for item in items])

    for some, found in halving.ask(turn, wanting, size, match_all, lambda due: due.sku):
        if isinstance(found, Refused):
            told_no.append(_told_no(some[0], found))
            continue
        matches = {match.sku: match for match in found}
        linked: list[Listing] = []
        for due in some:
            match = matches.get(due.sku)
            candidates = match.catalogue_ids if match else ()
            if len(candidates) == 1 or (match and match.by == "gtin" and candidates):
                links[due.listing_id] = candidates[0]
                linked.append(Listing(pk=due.listing_id, catalogue_id=candidates[0]))
                continue
            kind = IssueKind.AMBIGUOUS_MATCH if candidates else IssueKind.NO_MATCH
            params = {"candidates": list(candidates[:10]), "value": drafts[due.listing_id].item.gtin}
            issue = Issue(kind, "ean", params=params)
            refused.append(Refusal(due.listing_id, due.load_id, due.version, (issue,)))
        Listing.objects.bulk_update(linked, ["catalogue_id"])
    _refuse(turn, StoredIssue.Origin.CHECK, refused, by_id)
    _refuse(turn, StoredIssue.Origin.MARKETPLACE, told_no, by_id)
    gone = {one.listing_id for one in (*refused, *told_no)}
    return [due for due in dues if due.listing_id not in gone]


def _settle_batch(
    turn: Turn,
    rows: Mapping[str, Row],
    by_id: Mapping[int, Due],
    items: Sequence[ContentItem],
    receipt: Receipt,
) -> None:
    sent = {item.sku: rows[item.sku] for item in items}
    answered = settle_results(turn, sent, receipt.outcomes)
    if receipt.submission_id:
        waiting = [row for sku, row in sent.items() if sku not in answered]
        submissions.follow(turn.connection, Facet.CONTENT, waiting, receipt)
        states.move(
            [
                Move(row[0], State.PROCESSING, by_id[row[0]].load_id, note=receipt.submission_id)
                for row in waiting
                if by_id[row[0]].state == State.WAITING
            ]
        )
    else:
        hear_nothing(turn, {sku: row for sku, row in sent.items() if sku not in answered})


def hear_nothing(turn: Turn, rows: Mapping[str, Row]) -> None:
    """Of these the marketplace said nothing: they are tried again, and given up after the third time."""
    given_up = ledger.postpone(Facet.CONTENT, list(rows.values()), publish.NO_ANSWER_PAUSE)
    no_answer = (Issue(IssueKind.NO_ANSWER),)
    refused = [
        Outcome(sku, Verdict.REJECTED, issues=no_answer) for sku, row in rows.items() if row[0] in given_up
    ]
    settle_results(turn, rows, refused, StoredIssue.Origin.CHECK)


@begin_again
def settle_results(
    turn: Turn,
    rows: Mapping[str, Row],
    outcomes: Iterable[Outcome],
    origin: StoredIssue.Origin = StoredIssue.Origin.MARKETPLACE,
) -> set[str]:
    """Write down final verdicts on published content; returns the SKUs that have one.

    A listing that was asked for something newer meanwhile keeps its state: it is due again anyway.
    """
    told = {one.sku: one for one in outcomes if one.sku in rows and one.verdict is not Verdict.PENDING}
    ids = [rows[sku][0] for sku in told]
    now = {
        listing.pk: listing
        for listing in Listing.objects.filter(pk__in=ids).only("state", "load_id", "intent")
    }
    wanted = dict(
        Sync.objects.filter(listing_id__in=ids, facet=Facet.CONTENT.value).values_list(
            "listing_id", "wanted_version"
        )
    )
    accepted: list[Row] = []
    refused: list[Refusal] = []
    moves: list[Move] = []
    for sku, outcome in told.items():
        row = rows[sku]
        listing = now.get(row[0])
        if listing is None:
            continue
        listed = outcome.verdict in (Verdict.ACCEPTED, Verdict.CATALOGUING)
        if listed:
            accepted.append(row)
        else:
            issues = outcome.issues or (Issue(IssueKind.OTHER),)
            refused.append(Refusal(row[0], listing.load_id, row[1], issues))
        asked_anew = listing.state == State.WAITING and wanted.get(row[0], 0) > row[1]
        if listing.state in (*TO_SEND, State.CATALOGUING) and not asked_anew:
            state = _state_after(outcome.verdict)
            moves.append(Move(row[0], state, listing.load_id, outcome.remote_id, outcome.url))
    ledger.send_terms_after([rows[sku][0] for sku in told])
    # Neither our own check nor an error says whether an earlier publication, or this one, was taken.
    is_theirs = origin == StoredIssue.Origin.MARKETPLACE
    verdicts = [one.listing_id for one in refused if is_theirs and not _is_an_error_there(one)]
    terms.settle([row[0] for row in accepted], verdicts)
    ledger.confirm(Facet.CONTENT, accepted)
    states.close_issues([row[0] for row in accepted], Facet.CONTENT, StoredIssue.Closed.ACCEPTED)
    if refused:
        ledger.refuse(Facet.CONTENT, [(one.listing_id, one.version, "") for one in refused])
        states.open_issues(turn.connection.seller_id, turn.connection.pk, Facet.CONTENT, origin, refused)
    moved = states.move(moves)
    follow_up(turn, [one for one in moves if one.listing_id in moved])
    return set(told)


def _is_an_error_there(refusal: Refusal) -> bool:
    return any(issue.kind is IssueKind.ERROR_THERE for issue in refusal.issues)


def follow_up(turn: Turn, moves: Sequence[Move]) -> None:
    """After listings changed state: price and stock of the new ones go live, cataloguing is watched."""
    live = [one.listing_id for one in moves if one.state in ON_SALE]
    if live:
        ledger.go_live(turn.connection, live)
    if any(one.state == State.CATALOGUING for one in moves):
        Lane.objects.filter(
            connection=turn.connection, kind=Lane.Kind.OBSERVE, run_at__gt=timezone.now()
        ).update(run_at=timezone.now())
    if moves:
        states.finish_loads(turn.connection.pk)


def _state_after(verdict: Verdict) -> str:
    match verdict:
        case Verdict.ACCEPTED:
            return State.CONNECTED
        case Verdict.CATALOGUING:
            return State.CATALOGUING
        case _:
            return State.ERROR


@begin_again
def _refuse(
    turn: Turn, origin: StoredIssue.Origin, refusals: Sequence[Refusal], by_id: Mapping[int, Due]
) -> None:
    if not refusals:
        return
    ledger.send_terms_after([one.listing_id for one in refusals if by_id[one.listing_id].is_uncertain])
    ledger.refuse(Facet.CONTENT, [(one.listing_id, one.version, "") for one in refusals])
    waited = {one.listing_id for one in refusals if by_id[one.listing_id].state in TO_SEND}
    moved = states.move([Move(one, State.ERROR, by_id[one].load_id) for one in sorted(waited)])
    # What was asked for anew meanwhile gets an answer of its own.
    told = [one for one in refusals if one.listing_id in moved or one.listing_id not in waited]
    states.open_issues(turn.connection.seller_id, turn.connection.pk, Facet.CONTENT, origin, told)


def _withdraw(turn: Turn, adapter: ContentPublisher, dues: Sequence[Due]) -> None:
    by_sku = {due.sku: due for due in dues}
    _note_first_sending(dues)
    _mark_sent(dues, [(due.listing_id, due.version, "") for due in dues])
    for some in batches(dues, turn.connection.marketplace.description.batch.withdraw):
        items = [WithdrawItem(due.sku, due.remote_id) for due in some]
        halving.send(turn, items, adapter.withdraw, partial(_hear_withdrawals, turn, by_sku))


def _hear_withdrawals(
    turn: Turn, by_sku: Mapping[str, Due], items: Sequence[WithdrawItem], receipt: Receipt
) -> None:
    """Settle one call that took listings off sale."""
    asked = {item.sku: by_sku[item.sku] for item in items}
    told = {
        one.sku: one for one in receipt.outcomes if one.sku in asked and one.verdict is not Verdict.PENDING
    }
    refused = [
        Refusal(due.listing_id, due.load_id, due.version, one.issues or (Issue(IssueKind.OTHER),))
        for one in told.values()
        if one.verdict is Verdict.REJECTED and (due := asked[one.sku])
    ]
    by_id = {due.listing_id: due for due in asked.values()}
    _settle_withdrawal([asked[one.sku] for one in told.values() if one.verdict is not Verdict.REJECTED])
    _refuse(turn, StoredIssue.Origin.MARKETPLACE, refused, by_id)
    silent = {sku: (due.listing_id, due.version, "") for sku, due in asked.items() if sku not in told}
    hear_nothing(turn, silent)


@begin_again
def _settle_withdrawal(dues: Sequence[Due]) -> None:
    """Off sale; what was asked back meanwhile has its content due, and returns with all of it."""
    ledger.confirm(Facet.CONTENT, [(due.listing_id, due.version, "") for due in dues])
    ids = [due.listing_id for due in dues]
    ledger.go_off(ids)
    held.overtake(ids)
    moved = states.move([Move(due.listing_id, State.DISCONNECTED, due.load_id) for due in dues])
    for facet in Facet:
        states.close_issues(sorted(moved), facet, StoredIssue.Closed.DISCONNECTED)


def _check_again(turn: Turn, translator: Translator, dues: Sequence[Due]) -> None:
    """The ERP changed refused products: close the errors that are gone, and mark what may be sent again.

    Our own check can be repeated; whether a marketplace's own reason still holds only a new send
    tells, so any change of what was sent counts as its correction.
    """
    drafts = _drafts(translator, dues)
    dues = [due for due in dues if due.listing_id in drafts]
    still: list[Refusal] = []
    prints: dict[int, str] = {}
    for due in dues:
        draft = drafts[due.listing_id]
        prints[due.listing_id] = digest(_as_sent(due, draft.item, due.catalogue_id))
        if issues := _issues(due, draft):
            still.append(Refusal(due.listing_id, due.load_id, due.version, issues))
    reconnect.settle_check(turn.connection, dues, still, reconnect.refused_there(prints))
