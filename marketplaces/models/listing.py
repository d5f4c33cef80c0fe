"""Listings, what is due on them, what was said about them."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Greatest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from catalog.models import Variation
from hub.models import Seller
from marketplaces.contract import Facet, IssueKind
from marketplaces.models.account import Connection
from marketplaces.models.load import Load, Submission


class Listing(models.Model):
    """One variation on one connection (anúncio)."""

    class Intent(models.TextChoices):
        LISTED = "listed", _("On sale")
        WITHDRAWN = "withdrawn", _("Off sale")

    class Mode(models.TextChoices):
        CONNECT = "connect", _("Published as new")
        ASSOCIATE = "associate", _("Linked to an existing entry")

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        PROCESSING = "processing", _("Processing")
        CATALOGUING = "cataloguing", _("Waiting for cataloguing")
        CONNECTED = "connected", _("Connected")
        ERROR = "error", _("Error")
        DISCONNECTED = "disconnected", _("Disconnected")

    class Gone(models.TextChoices):
        WITHDRAWN = "withdrawn", _("Taken off sale at the marketplace")
        ABSENT = "absent", _("Unknown to the marketplace")

    seller = models.ForeignKey(Seller, models.CASCADE, related_name="listings", verbose_name=_("seller"))
    connection = models.ForeignKey(
        Connection, models.CASCADE, related_name="listings", verbose_name=_("connection")
    )
    variation = models.ForeignKey(
        Variation, models.PROTECT, related_name="listings", verbose_name=_("variation")
    )
    intent = models.CharField(_("wanted"), max_length=9, choices=Intent, default=Intent.LISTED)
    mode = models.CharField(_("how"), max_length=9, choices=Mode, default=Mode.CONNECT)
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.WAITING)
    state_at = models.DateTimeField(_("state since"), default=timezone.now)
    remote_id = models.CharField(_("code at the marketplace"), max_length=100, blank=True)
    url = models.URLField(_("page at the marketplace"), max_length=500, blank=True)
    catalogue_id = models.CharField(_("linked entry"), max_length=100, blank=True)
    load = models.ForeignKey(
        Load, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("load")
    )
    """The newest load this listing was sent in."""
    corrected_at = models.DateTimeField(_("corrected"), null=True, blank=True)
    """When a change in the ERP made every known error pass: ready to be reconnected."""
    gone_at = models.DateTimeField(_("gone since"), null=True, blank=True)
    """When the read-back found that the marketplace no longer sells it; nobody here asked for that."""
    gone_as = models.CharField(_("what became of it"), max_length=10, choices=Gone, blank=True, db_default="")
    created_at = models.DateTimeField(_("since"), default=timezone.now)

    class Meta:
        verbose_name = _("listing")
        verbose_name_plural = _("listings")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(fields=["connection", "variation"], name="marketplaces_listing_once"),
            models.CheckConstraint(
                condition=Q(
                    state__in=["waiting", "processing", "cataloguing", "connected", "error", "disconnected"]
                ),
                name="marketplaces_listing_state_known",
            ),
            models.CheckConstraint(
                condition=Q(gone_at__isnull=True, gone_as="")
                | Q(gone_at__isnull=False, gone_as__in=["withdrawn", "absent"]),
                name="marketplaces_listing_gone_somehow",
            ),
        ]
        indexes = [
            # The portal's list of one seller's listings, and its tabs by state.
            models.Index(F("seller"), F("id").desc(), name="marketplaces_listing_newest"),
            models.Index(F("seller"), F("state"), F("id").desc(), name="marketplaces_listing_by_state"),
            # Counting and read-back per connection; listings that wait for cataloguing.
            models.Index(F("connection"), F("state"), F("id"), name="marketplaces_listing_of_conn"),
            # The differences page: listings that vanished there.
            models.Index(
                F("seller"), F("id"), name="marketplaces_listing_gone", condition=Q(gone_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.variation} @ {self.connection}"


class Sync(models.Model):
    """What is wanted, sent, confirmed and seen of one facet of one listing.

    Due is `wanted_version` > `confirmed_version` and not refused at that version; `due_at` is that
    sentence as a column. Triggers on the catalogue's tables move `wanted_version` (migration
    0003); the lane's worker moves the rest. Values are text, as they are shown to people.
    """

    class Drift(models.TextChoices):
        """Why the marketplace does not show what the catalogue says."""

        OUTSIDE = "outside", _("Changed at the marketplace")
        SUPERSEDED = "superseded", _("An older value is shown: a newer one waits")
        NEVER_SENT = "never_sent", _("Never sent")
        REFUSED = "refused", _("Refused by the marketplace")
        HELD = "held", _("Held back: the price moves too far")
        FROZEN = "frozen", _("Frozen by you")

    pk = models.CompositePrimaryKey("listing_id", "facet")
    listing = models.ForeignKey(Listing, models.CASCADE, related_name="syncs", db_index=False)
    facet = models.CharField(max_length=7, choices=[(one.value, one.value) for one in Facet])
    connection = models.ForeignKey(Connection, models.CASCADE, related_name="+", db_index=False)
    follows = models.BooleanField(default=False)
    """True where a change in the catalogue makes this row due by itself."""
    wanted_version = models.PositiveIntegerField(default=1)
    sent_version = models.PositiveIntegerField(default=0)
    confirmed_version = models.PositiveIntegerField(default=0)
    refused_version = models.PositiveIntegerField(default=0)
    doubted_version = models.PositiveIntegerField(default=0, db_default=0)
    """Until a value of this version or a later one is confirmed, what stands there may be something else than
    `confirmed_value`, and the wanted value goes out even where it equals that; 0 where nothing is in doubt.
    Something was never answered, a publication crossed it, or a person asked for it to be sent again."""
    due_at = models.DateTimeField(null=True, blank=True)
    to_zero = models.BooleanField(default=False, db_default=False)
    """True where the wanted quantity was nothing when it was marked: such rows go out before the others."""
    submission = models.ForeignKey(
        Submission, models.SET_NULL, null=True, blank=True, related_name="syncs", db_index=False
    )
    """Set while the marketplace decides; nothing more is sent until it has."""
    failures = models.PositiveSmallIntegerField(default=0)
    """Equal failures in a row at this version; three without a verdict block the row until its data change,
    more than three are tries alone (`ledger.set_apart`) after the first three that were not made."""
    superseded = models.PositiveIntegerField(default=0)
    """Values that were replaced before they were sent."""
    sent_value = models.TextField(blank=True)
    confirmed_value = models.TextField(blank=True)
    """What the marketplace has taken; while that is in doubt, the newest value that may stand there."""
    seen_value = models.TextField(blank=True)
    agreed_value = models.TextField(blank=True, db_default="")
    """Of a price: the last one that was wanted and confirmed, by itself or with the content that carried it,
    no step on the way and not what a read-back saw. What the guard compares with; empty until then."""
    carried_value = models.TextField(blank=True, db_default="")
    """Of a price, while none was confirmed by itself: the newest that may stand there, as content carries it
    that is not answered yet. Written before the call; the guard compares with it where nothing was agreed."""
    is_step = models.BooleanField(default=False, db_default=False)
    """True while what was sent is a step on the way down to the wanted price."""
    received_at = models.DateTimeField(default=timezone.now)
    """When the wanted value came in."""
    cause = models.CharField(max_length=64, blank=True, default="", db_default="")
    """The number of the ERP's call that last changed the catalogue under it; empty for any other way."""
    queued_at = models.DateTimeField(null=True, blank=True)
    """When a lane took it up."""
    sent_at = models.DateTimeField(null=True, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(null=True, blank=True)
    sent_received_at = models.DateTimeField(null=True, blank=True)
    """When the value sent last had come in; `received_at` may be a newer one's by now."""
    sent_cause = models.CharField(max_length=64, blank=True, default="", db_default="")
    """The number of the ERP's call behind the value sent last; `cause` may be a newer one's by now."""
    why = models.CharField(max_length=20, blank=True, db_default="")
    """What asked for `why_version` when it was not the catalogue: "load:7", "rules:3" (a version of the price
    rules), "category" (moved to one with another rule), "order" (it holds or lets go of units), "buffer",
    "approved" (a held price), "heal", "again", "content" (a publication may have replaced it), "unfrozen"."""
    why_version = models.PositiveIntegerField(db_default=0)
    passages = models.PositiveIntegerField(db_default=0)
    """How many passages were ever written; the newest is in slot (passages - 1) % KEPT."""
    drift = models.CharField(max_length=10, choices=Drift, blank=True, db_default="")
    """Why the marketplace shows something else; empty while nothing is known to differ."""
    frozen_at = models.DateTimeField(null=True, blank=True)
    """Since when the seller wants this left alone at the marketplace."""
    look_at = models.DateTimeField(null=True, blank=True)
    """When the read-back looks at the listing next; kept on its stock row alone."""

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(facet__in=["content", "price", "stock"]), name="marketplaces_sync_facet_known"
            ),
            models.CheckConstraint(
                condition=Q(sent_version__lte=F("wanted_version"))
                & Q(confirmed_version__lte=F("wanted_version"))
                & Q(refused_version__lte=F("wanted_version")),
                name="marketplaces_sync_never_ahead_of_wanted",
            ),
            # A price or stock that follows and is newer than what the marketplace has is due: no
            # statement, of ours or of anybody, can leave one behind.
            models.CheckConstraint(
                condition=Q(facet="content")
                | Q(follows=False)
                | Q(due_at__isnull=False)
                | Q(wanted_version__lte=Greatest("confirmed_version", "refused_version")),
                name="marketplaces_sync_nothing_forgotten",
            ),
            # What is frozen is never due: no statement, of ours or of anybody, can send it.
            models.CheckConstraint(
                condition=Q(frozen_at__isnull=True) & ~Q(drift="frozen")
                | Q(frozen_at__isnull=False, drift="frozen", follows=False, due_at__isnull=True),
                name="marketplaces_sync_frozen_is_still",
            ),
        ]
        indexes = [
            # ledger.take_due: what a facet lane has to do, oldest first; also "is there anything?". Very many
            # may have become due in the same moment, so the order is in it to its end.
            models.Index(
                fields=["connection", "facet", "due_at", "listing"],
                name="marketplaces_sync_due_first",
                condition=Q(due_at__isnull=False, submission__isnull=True),
            ),
            # ledger.take_due: the quantities that fell to nothing, before all others.
            models.Index(
                fields=["connection", "due_at", "listing"],
                name="marketplaces_sync_zeros_first",
                condition=Q(to_zero=True, due_at__isnull=False, submission__isnull=True),
            ),
            # publish.settle_submission: the rows that wait for one submission.
            models.Index(
                fields=["submission"],
                name="marketplaces_sync_in_flight",
                condition=Q(submission__isnull=False),
            ),
            # The differences page, and what a load leaves out because it is frozen.
            models.Index(
                fields=["connection", "drift", "listing"],
                name="marketplaces_sync_drift",
                condition=~Q(drift=""),
            ),
            # observe: whom to look at next.
            models.Index(
                fields=["connection", "look_at"],
                name="marketplaces_sync_look",
                condition=Q(look_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.listing_id}/{self.facet}"

    @property
    def is_seen_last(self) -> bool:
        """True where the read-back looked after the marketplace confirmed its last value."""
        return self.seen_at is not None and (self.confirmed_at is None or self.seen_at > self.confirmed_at)

    @property
    def there(self) -> str:
        """What stands at the marketplace as far as we know: what was seen, confirmed since, or published."""
        published = self.agreed_value if self.follows else ""
        return self.seen_value if self.is_seen_last else self.confirmed_value or published or self.seen_value

    @property
    def asked_by(self) -> str:
        """What asked for the wanted value; empty where the catalogue did."""
        return self.why if self.why_version == self.wanted_version else ""


class ListingEvent(models.Model):
    """One step in the life of a listing, kept for its history page."""

    listing = models.ForeignKey(Listing, models.CASCADE, related_name="events", db_index=False)
    at = models.DateTimeField(_("when"), default=timezone.now)
    state = models.CharField(_("state"), max_length=12, choices=Listing.State)
    load = models.ForeignKey(Load, models.SET_NULL, null=True, blank=True, related_name="+", db_index=False)
    note = models.TextField(_("note"), blank=True)

    class Meta:
        verbose_name = _("listing event")
        verbose_name_plural = _("listing events")
        ordering = ("-at", "-id")
        # The history of one listing, newest first.
        indexes = [models.Index(F("listing"), F("id").desc(), name="marketplaces_event_of_listing")]

    def __str__(self) -> str:
        return f"{self.listing_id}: {self.state}"


class Issue(models.Model):
    """One reason why a listing was refused (erro de catálogo), by our check or by the marketplace.

    `code` and `message` are the marketplace's own words; both are empty for our own check, whose
    sentence comes from `kind` and `params` (`marketplaces.hints`).
    """

    class Origin(models.TextChoices):
        CHECK = "check", _("Our check")
        MARKETPLACE = "marketplace", _("Marketplace")

    class Closed(models.TextChoices):
        CORRECTED = "corrected", _("Corrected in the ERP")
        RESENT = "resent", _("Sent again")
        ACCEPTED = "accepted", _("Accepted by the marketplace")
        DISCONNECTED = "disconnected", _("Disconnected")

    seller = models.ForeignKey(Seller, models.CASCADE, related_name="+", db_index=False)
    connection = models.ForeignKey(Connection, models.CASCADE, related_name="+", db_index=False)
    listing = models.ForeignKey(Listing, models.CASCADE, related_name="issues", verbose_name=_("listing"))
    load = models.ForeignKey(
        Load, models.SET_NULL, null=True, blank=True, related_name="issues", db_index=False
    )
    """The load in which it was said; null for a price or stock the marketplace refused later."""
    facet = models.CharField(max_length=7, choices=[(one.value, one.value) for one in Facet])
    origin = models.CharField(_("said by"), max_length=11, choices=Origin)
    kind = models.CharField(_("cause"), max_length=20)
    """An `IssueKind`."""
    field = models.CharField(_("field"), max_length=150, blank=True)
    code = models.CharField(_("marketplace code"), max_length=100, blank=True)
    message = models.TextField(_("marketplace's words"), blank=True)
    params = models.JSONField(default=dict, blank=True)
    version = models.PositiveIntegerField(default=0)
    """The facet's version that was refused."""
    times = models.PositiveIntegerField(_("times"), default=1)
    first_seen_at = models.DateTimeField(_("first seen"), default=timezone.now)
    created_at = models.DateTimeField(_("last seen"), default=timezone.now)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    closed_because = models.CharField(max_length=12, choices=Closed, blank=True)
    ignored_at = models.DateTimeField(_("put aside"), null=True, blank=True)
    """When the ERP asked not to be shown it again; the same cause told anew is a new row."""

    class Meta:
        verbose_name = _("catalogue error")
        verbose_name_plural = _("catalogue errors")
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True, closed_because="")
                | Q(closed_at__isnull=False) & ~Q(closed_because=""),
                name="marketplaces_issue_closed_for_a_reason",
            ),
        ]
        indexes = [
            # The seller's open errors, grouped by cause.
            models.Index(
                fields=["seller", "connection", "kind", "code", "field"],
                name="marketplaces_issue_open",
                condition=Q(closed_at__isnull=True),
            ),
            # The load page: what this load's listings were told, grouped by cause.
            models.Index(fields=["load", "kind", "code", "field"], name="marketplaces_issue_of_load"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.field} {self.code}".strip()

    @property
    def was_kept_here(self) -> bool:
        """True where our check refused the value, so that the marketplace never heard of it."""
        return self.origin == self.Origin.CHECK and self.kind != IssueKind.NO_ANSWER
