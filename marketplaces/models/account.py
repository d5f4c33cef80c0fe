"""Marketplaces, the sellers' accounts at them, and the lanes their work runs in."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from catalog.models import MAX_QUANTITY
from hub import moments, vault
from hub.models import Seller
from marketplaces import registry
from marketplaces.contract import Adapter, Facet
from marketplaces.contract import Marketplace as Description


class Marketplace(models.Model):
    """A place to sell, as staff run it: on or off, where it answers, how fast we may call."""

    key = models.CharField(_("key"), max_length=32, primary_key=True)
    name = models.CharField(_("name"), max_length=80)
    is_enabled = models.BooleanField(
        _("enabled"), default=True, help_text=_("Sellers can open connections and lanes run.")
    )
    base_url = models.URLField(
        _("base URL"), blank=True, help_text=_("Empty: the address the adapter was written for.")
    )
    calls_per_second = models.DecimalField(
        _("calls per second and connection"),
        max_digits=7,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal("0.01"))],
        help_text=_("Empty: the marketplace's own limit."),
    )
    calls_per_second_of_all = models.DecimalField(
        _("calls per second of all connections together"),
        max_digits=7,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal("0.01"))],
        help_text=_("For marketplaces that count all our accounts together. Empty: its own limit, if any."),
    )
    paused_until = models.DateTimeField(
        _("paused until"),
        null=True,
        blank=True,
        validators=[moments.validate],
        help_text=_("No lane runs before this moment."),
    )
    readback_hours = models.PositiveSmallIntegerField(
        _("hours of a read-back round"),
        default=24,
        db_default=24,
        validators=[MinValueValidator(1), MaxValueValidator(24 * 31)],
        help_text=_("Every listing is looked at within this time; those that sell, sooner."),
    )
    lag_target_seconds = models.PositiveIntegerField(
        _("target for price and stock, in seconds"),
        null=True,
        blank=True,
        help_text=_("95 of 100 values should arrive within this time. Empty: the hub's own target."),
    )

    class Meta:
        verbose_name = _("marketplace")
        verbose_name_plural = _("marketplaces")
        ordering = ("name",)
        constraints = [
            models.CheckConstraint(
                condition=Q(paused_until__gte=moments.EARLIEST, paused_until__lt=moments.LATEST),
                name="marketplaces_marketplace_pause_plausible",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def description(self) -> Description:
        """The adapter's static description."""
        return registry.get(self.key)

    @property
    def address(self) -> str:
        """Where calls go."""
        return self.base_url or self.description.base_url

    @property
    def pace(self) -> Decimal:
        """Calls per second one connection may make."""
        own = self.description.calls_per_second
        return min(own, self.calls_per_second) if self.calls_per_second else own

    @property
    def shared_pace(self) -> Decimal | None:
        """Calls per second all connections may make together; None where nobody counts them together."""
        limits = (self.description.calls_per_second_of_all, self.calls_per_second_of_all)
        return min((limit for limit in limits if limit), default=None)


class ConnectionQuerySet(models.QuerySet["Connection"]):
    """Questions about connections."""

    def working(self) -> ConnectionQuerySet:
        """Connections whose lanes may run."""
        return self.filter(
            status=Connection.Status.ACTIVE, marketplace__is_enabled=True, seller__is_active=True
        )


class Connection(models.Model):
    """One seller's account at one marketplace (conta conectada), with its credentials."""

    class Status(models.TextChoices):
        ACTIVE = "active", _("Connected")
        NEEDS_CREDENTIALS = "needs_credentials", _("Needs new credentials")
        PAUSED = "paused", _("Paused")

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    seller = models.ForeignKey(Seller, models.CASCADE, related_name="connections", verbose_name=_("seller"))
    marketplace = models.ForeignKey(
        Marketplace, models.PROTECT, related_name="connections", verbose_name=_("marketplace")
    )
    name = models.CharField(
        _("name"),
        max_length=80,
        help_text=_("The sales channel's name on orders, for example Sandbox or Lojas Sandbox."),
    )
    account_id = models.CharField(_("account"), max_length=100, blank=True, editable=False)
    """The account's own id at the marketplace, so that reconnecting another account is noticed."""
    status = models.CharField(_("status"), max_length=20, choices=Status, default=Status.ACTIVE)
    sealed_credentials = models.BinaryField(default=bytes, editable=False)
    sync_stock = models.BooleanField(_("stock follows by itself"), default=True)
    sync_price = models.BooleanField(_("price follows by itself"), default=True)
    sync_orders = models.BooleanField(_("orders come in by themselves"), default=True)
    sync_content = models.BooleanField(
        _("content follows by itself"),
        default=False,
        help_text=_("Off: words and pictures go out only when you connect or reconnect."),
    )
    auto_reconnect = models.BooleanField(
        _("reconnect corrected listings by themselves"),
        default=False,
        help_text=_("When the ERP's correction closes every error, send the listing again."),
    )
    auto_heal = models.BooleanField(
        _("heal by itself what was changed at the marketplace"),
        default=True,
        db_default=True,
        help_text=_("Off: differences in price and stock are listed, and you decide."),
    )
    readback_hours = models.PositiveSmallIntegerField(
        _("hours of a read-back round"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(24 * 31)],
        help_text=_("Every listing is looked at within this time. Empty: the marketplace's default."),
    )
    accept_orders = models.BooleanField(_("accept new orders by themselves"), default=True)
    hold_stock = models.BooleanField(
        _("hold back what was sold"),
        default=True,
        db_default=True,
        help_text=_("Units of orders the ERP's quantity does not account for yet are not offered here."),
    )
    stock_reserve = models.IntegerField(
        _("units kept back"),
        default=0,
        db_default=0,
        validators=[MinValueValidator(0), MaxValueValidator(MAX_QUANTITY)],
        help_text=_("That many units are never offered here."),
    )
    stock_percentage = models.SmallIntegerField(
        _("percentage offered"),
        default=100,
        db_default=100,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text=_("Of what is left after the units kept back, rounded up: the last unit stays on sale."),
    )
    stock_most = models.IntegerField(
        _("most shown"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_QUANTITY)],
        help_text=_("Never show more than this. Empty: no limit."),
    )
    orders_since = models.DateTimeField(
        _("orders since"),
        null=True,
        blank=True,
        validators=[moments.validate],
        help_text=_("Orders placed before this moment are not taken."),
    )
    price_cut_limit = models.DecimalField(
        max_digits=5, decimal_places=2, null=True, blank=True, editable=False
    )
    """The per cent one price update may cut at most, as the marketplace's own refusals said."""
    last_error = models.TextField(_("last problem"), blank=True, editable=False)
    last_error_at = models.DateTimeField(_("last problem at"), null=True, blank=True, editable=False)
    last_ok_at = models.DateTimeField(_("last answer"), null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("since"), default=timezone.now, editable=False)

    objects = ConnectionQuerySet.as_manager()

    class Meta:
        verbose_name = _("connection")
        verbose_name_plural = _("connections")
        ordering = ("name", "id")
        constraints = [
            models.UniqueConstraint(
                fields=["seller", "name"],
                name="marketplaces_connection_name_once_per_seller",
                violation_error_message=_("You already have a connection with this name."),
            ),
            models.UniqueConstraint(fields=["seller", "id"], name="marketplaces_connection_of_seller"),
            # One account belongs to one connection: two would fight over stock and double its orders.
            models.UniqueConstraint(
                fields=["marketplace", "account_id"],
                condition=~Q(account_id=""),
                name="marketplaces_connection_account_once",
                violation_error_message=_("This marketplace account is already connected."),
            ),
            models.CheckConstraint(
                condition=Q(status__in=["active", "needs_credentials", "paused"]),
                name="marketplaces_connection_status_known",
            ),
            models.CheckConstraint(condition=~Q(name=""), name="marketplaces_connection_has_a_name"),
            models.CheckConstraint(
                condition=Q(stock_reserve__gte=0, stock_reserve__lte=MAX_QUANTITY),
                name="marketplaces_connection_reserve_sane",
            ),
            models.CheckConstraint(
                condition=Q(stock_percentage__gte=1, stock_percentage__lte=100),
                name="marketplaces_connection_percentage_sane",
            ),
            models.CheckConstraint(
                condition=Q(stock_most__isnull=True) | Q(stock_most__gte=1, stock_most__lte=MAX_QUANTITY),
                name="marketplaces_connection_most_sane",
            ),
            models.CheckConstraint(
                condition=Q(orders_since__gte=moments.EARLIEST, orders_since__lt=moments.LATEST),
                name="marketplaces_connection_since_plausible",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def readback_period(self) -> timedelta:
        """Within which every listing is looked at."""
        return timedelta(hours=self.readback_hours or self.marketplace.readback_hours)

    @property
    def switched_off(self) -> list[str]:
        """The facets of which nothing is sent, because the seller has turned their switch off."""
        switches = {Facet.STOCK: self.sync_stock, Facet.PRICE: self.sync_price}
        return [facet.value for facet, is_on in switches.items() if not is_on]

    @property
    def _owner(self) -> str:
        return f"marketplaces.connection:{self.public_id}"

    @property
    def credentials(self) -> Any:
        """The account's credentials as the adapter's dataclass; raises vault.SealBroken."""
        opened = vault.unseal(bytes(self.sealed_credentials), owner=self._owner)
        shape = self.marketplace.description.credentials
        return shape(**{one.name: opened.get(one.name, "") for one in fields(shape)})

    def seal_credentials(self, values: Mapping[str, str]) -> None:
        """Encrypt new credentials into this instance; the caller saves."""
        known = {one.name for one in fields(self.marketplace.description.credentials)}
        self.sealed_credentials = vault.seal(
            {name: value for name, value in values.items() if name in known}, owner=self._owner
        )

    def reseal(self) -> None:
        """Encrypt the same credentials with the newest key; the caller saves. Raises vault.SealBroken."""
        opened = vault.unseal(bytes(self.sealed_credentials), owner=self._owner)
        self.sealed_credentials = vault.seal(opened, owner=self._owner)

    def adapter(self, observe: Any = None) -> Adapter:
        """Build the adapter for this account; `observe` gets every Exchange."""
        return open_adapter(self.marketplace, self.credentials, observe)


def open_adapter(marketplace: Marketplace, credentials: Any, observe: Any = None) -> Adapter:
    """Build an adapter from credentials that may not belong to a stored connection yet."""
    return marketplace.description.connect(
        credentials,
        base_url=marketplace.address,
        observe=observe,
        allow_private=settings.HUB_ALLOW_PRIVATE_ADDRESSES,
    )


class LaneQuerySet(models.QuerySet["Lane"]):
    """Questions about lanes, and the only way to take one."""

    def runnable(self, now: datetime) -> LaneQuerySet:
        """Lanes nobody holds, whose time has come and whose connection works.

        A facet lane also needs a due sync row; `marketplaces.engine.due_lanes` looks at those.
        """
        free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
        awake = (
            Q(connection__marketplace__paused_until__isnull=True)
            | Q(connection__marketplace__paused_until__lte=now)
            | Q(canary_until__gt=now)
        )
        switched_on = (
            Q(kind__in=(Lane.Kind.CONTENT, Lane.Kind.SUBMISSIONS, Lane.Kind.OBSERVE, Lane.Kind.FULFILMENT))
            | Q(kind=Lane.Kind.STOCK, connection__sync_stock=True)
            | Q(kind=Lane.Kind.PRICE, connection__sync_price=True)
            | Q(kind=Lane.Kind.ORDERS, connection__sync_orders=True)
        )
        return self.filter(
            free,
            awake,
            switched_on,
            run_at__lte=now,
            connection__status=Connection.Status.ACTIVE,
            connection__marketplace__is_enabled=True,
            connection__seller__is_active=True,
        )

    def claim(self, lane_id: int, now: datetime, lease: timedelta) -> Lane | None:
        """Lease one lane if it is free and may run; None otherwise."""
        return self.runnable(now).filter(pk=lane_id).claim_first(now, lease)

    def claim_first(self, now: datetime, lease: timedelta) -> Lane | None:
        """Lease the first of these runnable lanes that nobody else is about to take.

        The lease outlives the transaction; the row lock does not. Only the lane itself is read: were it
        read with its account, one account nobody can read would be first in line for ever.
        """
        with transaction.atomic():
            lane = self.select_for_update(skip_locked=True, of=("self",)).first()
            if lane is not None:
                lane.lease_until, lane.lease_token, lane.queued_at = now + lease, uuid.uuid4(), None
                if lane.canary_until is not None:
                    lane.canary_until = min(lane.canary_until, now)  # let through for this one run
                lane.save(update_fields=["lease_until", "lease_token", "queued_at", "canary_until"])
            return lane

    def settle(self, lane: Lane, **changes: Any) -> bool:
        """Give the lane back; False when the lease was lost meanwhile, and then nothing is written."""
        mine = self.filter(pk=lane.pk, lease_token=lane.lease_token)
        return bool(mine.update(lease_until=None, lease_token=None, **changes))


class Lane(models.Model):
    """One connection's ordered stream of one kind of work, with one worker at a time."""

    class Kind(models.TextChoices):
        """In order of urgency."""

        FULFILMENT = "fulfilment", _("Order updates")
        STOCK = "stock", _("Stock")
        ORDERS = "orders", _("Orders")
        PRICE = "price", _("Price")
        SUBMISSIONS = "submissions", _("Results of loads")
        CONTENT = "content", _("Content")
        OBSERVE = "observe", _("Read-back")

    FACETS = (Kind.STOCK, Kind.PRICE, Kind.CONTENT)

    connection = models.ForeignKey(
        Connection, models.CASCADE, related_name="lanes", verbose_name=_("connection")
    )
    kind = models.CharField(_("kind"), max_length=12, choices=Kind)
    run_at = models.DateTimeField(_("not before"), default=timezone.now)
    """The lane sleeps until then: back-off after a failure, the pace of polling, or a Retry-After."""
    cursor = models.TextField(_("cursor"), blank=True)
    """The marketplace's bookmark in its order feed."""
    caught_up_at = models.DateTimeField(null=True, blank=True)
    """Of the orders lane: every order the marketplace told of before this moment has been taken."""
    failures = models.PositiveSmallIntegerField(_("failures in a row"), default=0)
    lease_until = models.DateTimeField(_("held until"), null=True, blank=True)
    lease_token = models.UUIDField(null=True, blank=True)
    queued_at = models.DateTimeField(null=True, blank=True)
    """When the dispatcher last asked for a worker; it asks again only when nobody answered for a while."""
    last_error = models.TextField(_("last problem"), blank=True)
    last_error_at = models.DateTimeField(_("last problem at"), null=True, blank=True)
    last_ok_at = models.DateTimeField(_("last run"), null=True, blank=True)
    failing_since = models.DateTimeField(_("failing since"), null=True, blank=True)
    """When the first of the failures in a row happened."""
    answered_at = models.DateTimeField(_("last answer"), null=True, blank=True)
    """When the marketplace last answered a call of this lane sensibly, a refusal included."""
    canary_until = models.DateTimeField(null=True, blank=True)
    """Until then the lane may run although its marketplace is paused: it tries whether that is back."""

    objects = LaneQuerySet.as_manager()

    class Meta:
        verbose_name = _("lane")
        verbose_name_plural = _("lanes")
        ordering = ("connection", "kind")
        constraints = [
            models.UniqueConstraint(fields=["connection", "kind"], name="marketplaces_lane_once_per_kind"),
            models.CheckConstraint(
                condition=Q(lease_until__isnull=True, lease_token__isnull=True)
                | Q(lease_until__isnull=False, lease_token__isnull=False),
                name="marketplaces_lane_lease_is_whole",
            ),
        ]
        indexes = [
            # The dispatcher's sweep: lanes whose time has come.
            models.Index(fields=["run_at"], name="marketplaces_lane_run_at"),
            # incidents.watch: whether anything failed lately.
            models.Index(
                fields=["last_error_at"], name="marketplaces_lane_failing", condition=Q(failures__gt=0)
            ),
            # line.take, Pace.reserve: the lanes somebody works on or has asked for.
            models.Index(
                fields=["connection"],
                name="marketplaces_lane_astir",
                condition=Q(lease_until__isnull=False) | Q(queued_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.connection} · {self.get_kind_display()}"
