"""Who is who: sellers, the people who work for them, and the keys of their ERPs."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from hub.homologation.models import (  # noqa: F401  (Django finds an app's models here)
    Homologation,
    HomologationCase,
)


class UserManager(BaseUserManager["User"]):
    """Creates people; an e-mail address is their name."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Create a person; e-mail addresses differ by more than case."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Create a member of staff who may do everything in the staff site."""
        return self.create_user(email, password, **{**fields, "is_staff": True, "is_superuser": True})

    def get_by_natural_key(self, username: str | None) -> User:
        """Find a person by e-mail, whatever the case typed."""
        return self.get(email__iexact=(username or "").strip())


class User(AbstractBaseUser, PermissionsMixin):
    """A person who signs in: a member of one or several sellers, or of the hub's staff."""

    email = models.EmailField(_("e-mail"), max_length=254)
    name = models.CharField(_("name"), max_length=150, blank=True)
    is_staff = models.BooleanField(_("staff"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    date_joined = models.DateTimeField(_("since"), default=timezone.now)

    objects: ClassVar[UserManager] = UserManager()
    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                name="hub_user_email_once",
                violation_error_message=_("There is already a user with this e-mail."),
            ),
            models.UniqueConstraint(fields=["email"], name="hub_user_email_exact_once"),
        ]

    def __str__(self) -> str:
        return self.email

    def get_full_name(self) -> str:
        """Return the name people know, else the e-mail."""
        return self.name or self.email

    def get_short_name(self) -> str:
        """Return the first name, else the e-mail."""
        return self.name.split(" ")[0] if self.name else self.email


class SellerQuerySet(models.QuerySet["Seller"]):
    """Questions about sellers."""

    def of_user(self, user: Any) -> SellerQuerySet:
        """The active sellers a person works for."""
        if not getattr(user, "pk", None):
            return self.none()
        return self.filter(memberships__user_id=user.pk, is_active=True)


class Seller(models.Model):
    """A tenant: one shop (lojista) with its catalogue, its connections and its orders."""

    name = models.CharField(_("name"), max_length=150)
    is_active = models.BooleanField(_("active"), default=True)
    is_test = models.BooleanField(
        _("test account"),
        default=False,
        help_text=_("A test account may create its own orders over the API."),
    )
    strict_account_manager = models.BooleanField(
        _("demand X-Accountmanager-Key"),
        default=False,
        help_text=_("Refuse API calls without the integrator's key."),
    )
    strict_create = models.BooleanField(
        _("refuse POST for an existing SKU"),
        default=False,
        help_text=_("Otherwise a POST updates the product, as several shop modules rely on."),
    )
    auto_advance = models.BooleanField(
        _("an invoice or shipment moves the order"),
        default=True,
        help_text=_("Move the order's status even when the call does not name it."),
    )
    rate_limits = models.BooleanField(
        _("limit calls per second"),
        default=True,
        help_text=_("Off, the seller's ERP may call the API as often as it likes."),
    )
    last_load_number = models.PositiveIntegerField(default=0, editable=False)
    """The number of the seller's newest load; loads are numbered per seller, from 1."""
    created_at = models.DateTimeField(_("since"), auto_now_add=True)

    objects = SellerQuerySet.as_manager()

    class Meta:
        verbose_name = _("seller")
        verbose_name_plural = _("sellers")
        ordering = ("name", "id")

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A person's part in one seller."""

    class Role(models.TextChoices):
        OWNER = "owner", _("Owner")
        OPERATOR = "operator", _("Operator")
        VIEWER = "viewer", _("Viewer")

    seller = models.ForeignKey(Seller, models.CASCADE, related_name="memberships", verbose_name=_("seller"))
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships", verbose_name=_("user"))
    role = models.CharField(_("role"), max_length=10, choices=Role, default=Role.OPERATOR)
    created_at = models.DateTimeField(_("since"), auto_now_add=True)

    class Meta:
        verbose_name = _("member")
        verbose_name_plural = _("members")
        constraints = [
            models.UniqueConstraint(
                fields=["seller", "user"],
                name="hub_membership_once",
                violation_error_message=_("This person already works for this seller."),
            ),
            models.CheckConstraint(
                condition=Q(role__in=["owner", "operator", "viewer"]), name="hub_membership_role_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.get_role_display()}"

    @property
    def may_operate(self) -> bool:
        """Owners and operators act (connect, map, retry); viewers only look."""
        return self.role != self.Role.VIEWER

    @property
    def may_manage(self) -> bool:
        """Only owners touch credentials, API keys and people."""
        return self.role == self.Role.OWNER


def digest_of(secret: str) -> str:
    """Return what is kept of a key's secret."""
    # The secret has 256 random bits, so one fast hash is enough: there is nothing to guess.
    return hashlib.sha256(secret.encode()).hexdigest()


class InvitationQuerySet(models.QuerySet["Invitation"]):
    """Questions about invitations."""

    def open(self, now: datetime) -> InvitationQuerySet:
        """Those whose link still works."""
        return self.filter(made_at__gt=now - Invitation.VALID, seller__is_active=True, user__is_active=True)


class Invitation(models.Model):
    """A seller asks somebody who has a sign-in already to work for it; only that person makes it so.

    It takes the link, which the seller hands over, and the person's password: whoever else made the
    sign-in has no link, and whoever else made the link has no password (decision 0019).
    """

    VALID = timedelta(days=3)

    seller = models.ForeignKey(Seller, models.CASCADE, related_name="invitations", verbose_name=_("seller"))
    user = models.ForeignKey(User, models.CASCADE, related_name="invitations", verbose_name=_("user"))
    role = models.CharField(_("role"), max_length=10, choices=Membership.Role)
    digest = models.CharField(max_length=64, editable=False)
    """Of the link's secret, which is shown once and kept nowhere."""
    made_at = models.DateTimeField(_("since"))

    objects = InvitationQuerySet.as_manager()

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        constraints = [
            models.UniqueConstraint(fields=["seller", "user"], name="hub_invitation_once"),
            models.UniqueConstraint(fields=["digest"], name="hub_invitation_digest_once"),
            models.CheckConstraint(
                condition=Q(role__in=["owner", "operator", "viewer"]), name="hub_invitation_role_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.get_role_display()}"

    @property
    def ends_at(self) -> datetime:
        """Until when its link works."""
        return self.made_at + self.VALID


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    """Questions about API keys."""

    def usable(self) -> ApiKeyQuerySet:
        """Keys that still open the door."""
        return self.filter(revoked_at__isnull=True, seller__is_active=True)


class ApiKey(models.Model):
    """The key of one integration (an ERP) of one seller. Only its prefix can be read back.

    On the wire it travels as `X-Api-Key`, with the e-mail of one of the seller's users in
    `X-User-Email`, and the integrator's own key in `X-Accountmanager-Key`.
    """

    PREFIX_LENGTH = 8
    COARSE = timedelta(minutes=1)
    """`last_used_at` is written at most this often, so that a busy ERP does not write a row per call."""

    seller = models.ForeignKey(Seller, models.CASCADE, related_name="api_keys", verbose_name=_("seller"))
    name = models.CharField(_("name"), max_length=80, help_text=_("Which integration uses it."))
    prefix = models.CharField(_("key"), max_length=PREFIX_LENGTH, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    created_by = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("created by")
    )
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ("-id",)
        constraints = [models.UniqueConstraint(fields=["prefix"], name="hub_apikey_prefix_once")]
        # The portal lists one seller's keys, newest first.
        indexes = [models.Index(F("seller"), F("id").desc(), name="hub_apikey_of_seller")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @classmethod
    def issue(
        cls, seller: Seller, name: str, *, by: User | None = None, secret: str = ""
    ) -> tuple[ApiKey, str]:
        """Create a key and return it with its secret, which is shown once and kept nowhere."""
        secret = secret or secrets.token_urlsafe(32)
        prefix = secret[: cls.PREFIX_LENGTH]
        key = cls.objects.create(
            seller=seller, name=name, prefix=prefix, digest=digest_of(secret), created_by=by
        )
        return key, secret

    @classmethod
    def find(cls, secret: str) -> ApiKey | None:
        """Return the usable key with this secret, its seller loaded, or None."""
        key = cls.objects.usable().select_related("seller").filter(prefix=secret[: cls.PREFIX_LENGTH]).first()
        if key is None or not hmac.compare_digest(key.digest, digest_of(secret)):
            return None
        return key

    def rotate(self, *, by: User | None = None) -> tuple[ApiKey, str]:
        """Replace this key by a new one of the same name; the old one stops working at once."""
        self.revoke()
        return ApiKey.issue(self.seller, self.name, by=by)

    def revoke(self) -> None:
        """Stop this key from working, now and for ever."""
        ApiKey.objects.filter(pk=self.pk, revoked_at__isnull=True).update(revoked_at=timezone.now())
        self.refresh_from_db(fields=["revoked_at"])

    def touch(self, now: datetime) -> None:
        """Remember that the key was used, coarsely."""
        if self.last_used_at is None or now - self.last_used_at > self.COARSE:
            ApiKey.objects.filter(pk=self.pk).update(last_used_at=now)


class ApiCall(models.Model):
    """One call of a seller's integration: what it asked and what it was told.

    Written by `hub.api.log`, with secrets removed and bodies cut; kept for HUB_API_LOG_DAYS days.
    """

    class TurnedAway(models.TextChoices):
        """Why a caller was not let in (401)."""

        NO_EMAIL = "no_email", _("without X-User-Email")
        NO_KEY = "no_key", _("without X-Api-Key")
        WRONG_KEY = "wrong_key", _("wrong X-Api-Key")
        WRONG_EMAIL = "wrong_email", _("wrong X-User-Email")
        NO_ACCOUNT_MANAGER = "no_account_manager", _("without X-Accountmanager-Key")

    seller = models.ForeignKey(
        Seller, models.CASCADE, related_name="+", db_index=False, verbose_name=_("seller")
    )
    called_at = models.DateTimeField(_("when"))
    key_prefix = models.CharField(_("key"), max_length=ApiKey.PREFIX_LENGTH, blank=True)
    """The beginning of a key that exists; a key nobody has is not written down at all."""
    turned_away = models.CharField(
        _("turned away"), max_length=20, blank=True, choices=TurnedAway, default="", db_default=""
    )
    method = models.CharField(_("method"), max_length=10)
    path = models.TextField(_("address"))
    query = models.TextField(_("parameters"), blank=True)
    endpoint = models.TextField(_("endpoint"), blank=True)
    """The address with its changing parts named, `/orders/{code}`; empty where the API has none."""
    subject = models.CharField(_("SKU or code"), max_length=200, blank=True)
    """What the address names: a SKU, an order, a load."""
    status = models.PositiveSmallIntegerField(_("status"))
    milliseconds = models.PositiveIntegerField(_("milliseconds"))
    request_id = models.CharField(_("call number"), max_length=64)
    user_agent = models.CharField(_("program"), max_length=200, blank=True)
    request_body = models.TextField(_("request"), blank=True)
    request_size = models.PositiveIntegerField(_("size of the request"), default=0)
    response_body = models.TextField(_("answer"), blank=True)
    response_size = models.PositiveIntegerField(_("size of the answer"), default=0)
    """Sizes in bytes, before cutting."""

    class Meta:
        verbose_name = _("API call")
        verbose_name_plural = _("API calls")
        ordering = ("-called_at", "-id")
        indexes = [
            # One seller's log, newest first, by period; what the filters ask for is read from the index
            # itself, so that a rare answer is found without touching a million rows.
            models.Index(
                fields=["seller", "called_at", "id", "status", "method", "endpoint", "key_prefix"],
                name="hub_apicall_of_seller",
            ),
            # The search box: a SKU or code by its beginning.
            models.Index(F("seller"), OpClass("subject", "text_pattern_ops"), name="hub_apicall_by_subject"),
            # The search box: a call by the number its answer carried.
            models.Index(fields=["seller", "request_id"], name="hub_apicall_by_number"),
            # The staff's log, newest first, its errors without reading the rest, and the clean-up.
            models.Index(fields=["called_at", "id", "status"], name="hub_apicall_age"),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.status}"


class Heartbeat(models.Model):
    """When a dispatcher or a cluster of workers was last alive on a machine (`hub.heartbeat`)."""

    class Role(models.TextChoices):
        DISPATCHER = "dispatcher", _("Dispatcher")
        WORKERS = "workers", _("Workers")

    pk = models.CompositePrimaryKey("role", "host")
    role = models.CharField(max_length=10, choices=Role)
    host = models.CharField(max_length=100)
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(role__in=["dispatcher", "workers"]), name="hub_heartbeat_role_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} @ {self.host}"
