"""The contract between the hub and a marketplace: plain data in, plain data out.

No Django, no HTTP, no clock in here. An adapter inherits the roles it plays; what it does not
inherit it cannot do, so there is no method that answers "not supported".

Money is BRL as ``Decimal``, weight is kg, lengths are cm, times are aware datetimes.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any


class Facet(StrEnum):
    """A part of a listing that is synchronised on its own."""

    CONTENT = "content"
    PRICE = "price"
    STOCK = "stock"


class IssueKind(StrEnum):
    """Why a listing was refused, in our words; it selects the plain-language hint.

    A marketplace's own code and sentence travel beside it in `Issue` and are shown as they came.
    """

    REQUIRED = "required"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    NOT_ALLOWED = "not_allowed"
    NOT_A_NUMBER = "not_a_number"
    OUT_OF_RANGE = "out_of_range"
    WRONG_UNIT = "wrong_unit"
    GTIN_MISSING = "gtin_missing"
    GTIN_INVALID = "gtin_invalid"
    GTIN_TAKEN = "gtin_taken"
    IMAGE_MISSING = "image_missing"
    IMAGE_TOO_MANY = "image_too_many"
    IMAGE_UNREACHABLE = "image_unreachable"
    IMAGE_INVALID = "image_invalid"
    DIMENSIONS_MISSING = "dimensions_missing"
    PRICE_MISSING = "price_missing"
    PRICE_SUSPICIOUS = "price_suspicious"
    PRICE_RULE = "price_rule"
    """The seller's own price rule leaves nothing of the ERP's price."""
    PRICE_CUT = "price_cut"
    """The price falls by more than the marketplace allows at once; `params["limit"]` says how many per
    cent, where it tells. The hub then goes down in steps."""
    CATEGORY_UNMAPPED = "category_unmapped"
    CATEGORY_UNKNOWN = "category_unknown"
    BRAND_BLOCKED = "brand_blocked"
    FORBIDDEN_WORD = "forbidden_word"
    DUPLICATE = "duplicate"
    NO_MATCH = "no_match"
    AMBIGUOUS_MATCH = "ambiguous_match"
    DISABLED = "disabled"
    NOT_FOUND = "not_found"
    NO_ANSWER = "no_answer"
    ERROR_THERE = "error_there"
    """The marketplace answers every call about this item with an error of its own; it is tried on and on."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Issue:
    """One reason why a listing was refused.

    `code` and `message` are the marketplace's own words, never rewritten; a pre-check issue has
    the empty code and the empty message, and is told from `kind` and `params`. `field` is a path
    in the hub's own product: ``name``, ``description``, ``brand``, ``ean``, ``images``,
    ``price``, ``weight``, ``dimensions``, ``categories``, ``attributes.<remote id>``.
    `params` are the values the hint names: ``limit``, ``value``, ``allowed``, ``unit``, ``label``.
    """

    kind: IssueKind
    field: str = ""
    code: str = ""
    message: str = ""
    params: Mapping[str, Any] = dataclasses.field(default_factory=dict)


class Verdict(StrEnum):
    """What the marketplace said about one item of a batch."""

    ACCEPTED = "accepted"
    """Done: the value is in force, the listing is on sale (or off, for a withdrawal)."""
    CATALOGUING = "cataloguing"
    """Taken, but the marketplace still has to catalogue it; `read_listings` tells when it is on sale."""
    PENDING = "pending"
    """Not decided yet; the submission must be polled."""
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The marketplace's verdict on one SKU of a batch."""

    sku: str
    verdict: Verdict
    remote_id: str = ""
    url: str = ""
    issues: tuple[Issue, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a marketplace said about one batch: outcomes now, a submission to poll later, or both.

    An empty `submission_id` means that nothing is left to wait for. `poll_after` is the
    marketplace's own advice on when to ask.
    """

    outcomes: tuple[Outcome, ...] = ()
    submission_id: str = ""
    poll_after: timedelta | None = None


# --- taxonomy -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RemoteCategory:
    """One node of the marketplace's category tree; only leaves can be sold in."""

    remote_id: str
    name: str
    parent_id: str = ""
    is_leaf: bool = True


class AttributeType(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    LIST = "list"
    BOOLEAN = "boolean"
    MEASURE = "measure"
    """A number followed by one of `units`, such as ``1,5 L``."""


@dataclass(frozen=True, slots=True)
class AttributeRule:
    """One attribute a category knows, and what the marketplace accepts in it."""

    remote_id: str
    label: str
    type: AttributeType = AttributeType.TEXT
    is_required: bool = False
    is_variation: bool = False
    """True where the attribute may tell the variations of one product apart."""
    min_length: int = 0
    max_length: int = 0
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    allowed: tuple[str, ...] = ()
    units: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CategorySchema:
    """Everything a marketplace demands of a product in one category. Zero means "no limit"."""

    category_id: str
    attributes: tuple[AttributeRule, ...] = ()
    title_min: int = 0
    title_max: int = 0
    description_min: int = 0
    description_max: int = 0
    gtin_required: bool = False
    brand_required: bool = False
    images_min: int = 0
    images_max: int = 0
    dimensions_required: bool = False
    price_min: Decimal = Decimal("0.01")


# --- what we send ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ContentItem:
    """One variation, ready to be published: mapped category and attributes, inherited values filled in."""

    sku: str
    parent_sku: str
    """The product's SKU; equal to `sku` for a simple product. Items of one parent belong together."""
    remote_id: str
    """Set when the marketplace has answered before; empty on a first publication."""
    title: str
    description: str
    brand: str
    gtin: str
    ncm: str
    category_id: str
    attributes: Mapping[str, str]
    images: tuple[str, ...]
    weight_kg: Decimal | None
    height_cm: Decimal | None
    width_cm: Decimal | None
    length_cm: Decimal | None
    price: Decimal
    list_price: Decimal
    quantity: int
    catalogue_id: str = ""
    """The marketplace's catalogue entry to link to (associate); empty for a new publication."""
    extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PriceItem:
    """The absolute price of one listing: what the shopper pays, and the "from" price (>= price)."""

    sku: str
    remote_id: str
    price: Decimal
    list_price: Decimal


@dataclass(frozen=True, slots=True)
class StockItem:
    """The absolute sellable quantity of one listing."""

    sku: str
    remote_id: str
    quantity: int


@dataclass(frozen=True, slots=True)
class WithdrawItem:
    sku: str
    remote_id: str


@dataclass(frozen=True, slots=True)
class MatchQuery:
    """What we know of a variation when we look for an entry of the marketplace to associate it with."""

    sku: str
    gtin: str
    title: str
    brand: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """Candidates for one SKU, best first; `by` says what matched (``gtin``, ``title``, ``sku``)."""

    sku: str
    catalogue_ids: tuple[str, ...] = ()
    by: str = ""


# --- what we read ---------------------------------------------------------------------------


class ListingState(StrEnum):
    """What the marketplace shows of a listing."""

    LIVE = "live"
    CATALOGUING = "cataloguing"
    WITHDRAWN = "withdrawn"
    REJECTED = "rejected"
    ABSENT = "absent"
    """The marketplace does not know the SKU."""


@dataclass(frozen=True, slots=True)
class ListingView:
    """One listing as the marketplace shows it now ("seen")."""

    sku: str
    state: ListingState
    remote_id: str = ""
    url: str = ""
    price: Decimal | None = None
    list_price: Decimal | None = None
    quantity: int | None = None
    issues: tuple[Issue, ...] = ()


# --- orders ---------------------------------------------------------------------------------


class OrderStatus(StrEnum):
    """Status types of the order wire format; a marketplace's own words are mapped to these by its adapter."""

    NEW = "NEW"
    APPROVED = "APPROVED"
    INVOICED = "INVOICED"
    SHIPPED = "SHIPPED"
    DELIVERED = "DELIVERED"
    SHIPMENT_EXCEPTION = "SHIPMENT_EXCEPTION"
    CANCELED = "CANCELED"


@dataclass(frozen=True, slots=True)
class Address:
    full_name: str = ""
    street: str = ""
    number: str = ""
    complement: str = ""
    reference: str = ""
    neighborhood: str = ""
    city: str = ""
    region: str = ""
    postcode: str = ""
    country: str = "BR"
    phone: str = ""
    secondary_phone: str = ""


@dataclass(frozen=True, slots=True)
class Customer:
    name: str = ""
    email: str = ""
    vat_number: str = ""
    """CPF or CNPJ, digits as the marketplace gave them."""
    phones: tuple[str, ...] = ()
    gender: str = ""
    date_of_birth: str = ""
    state_registration: str = ""


@dataclass(frozen=True, slots=True)
class RemoteItem:
    """One line of an order. `price` is what was paid per unit, `list_price` the "from" price."""

    sku: str
    quantity: int
    price: Decimal
    list_price: Decimal
    name: str = ""
    remote_id: str = ""
    shipping_cost: Decimal = Decimal(0)
    sale_fee: Decimal = Decimal(0)
    delivery_id: str = ""


@dataclass(frozen=True, slots=True)
class Payment:
    method: str
    value: Decimal
    parcels: int = 1
    description: str = ""
    status: str = ""
    card_issuer: str = ""
    authorization_id: str = ""
    transaction_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery of an order; an order may have several, each with its own lines and carrier.

    `carrier_owns_status` is true where the marketplace's carrier reports shipped and delivered:
    the seller then stops at "invoiced".
    """

    remote_id: str
    method: str = ""
    carrier: str = ""
    estimated_at: datetime | None = None
    dispatch_by: datetime | None = None
    carrier_owns_status: bool = False


@dataclass(frozen=True, slots=True)
class RemoteOrder:
    """One order, whole, as the marketplace tells it now. `raw` is kept untouched for support."""

    remote_id: str
    status: OrderStatus
    placed_at: datetime
    updated_at: datetime
    customer: Customer
    billing_address: Address
    shipping_address: Address
    items: tuple[RemoteItem, ...]
    payments: tuple[Payment, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    shipping_cost: Decimal = Decimal(0)
    discount: Decimal = Decimal(0)
    interest: Decimal = Decimal(0)
    total: Decimal = Decimal(0)
    needs_acceptance: bool = False
    """True where the seller must accept the order before the marketplace lets it be paid or shipped."""
    raw: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UnreadableOrder:
    """An order the adapter could not understand: kept as it came, so that it holds up nobody else's."""

    remote_id: str
    """Empty where it has none; then its content says which it is."""
    problem: str
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OrderPage:
    """One page of the order feed. `cursor` is where to go on; `has_more` says whether to go on at once.

    A page may repeat orders of the page before: the reader must take each once.
    """

    orders: tuple[RemoteOrder, ...]
    cursor: str
    has_more: bool = False
    unreadable: tuple[UnreadableOrder, ...] = ()


@dataclass(frozen=True, slots=True)
class InvoiceNote:
    """A Brazilian electronic invoice (NF-e) to report: its access key of 44 characters, and when issued."""

    key: str
    issued_at: datetime
    number: str = ""
    line: str = ""
    volumes: int = 1
    xml: str = ""


@dataclass(frozen=True, slots=True)
class ShipmentNote:
    """A parcel handed to the carrier; `items` are (sku, quantity)."""

    code: str
    shipped_at: datetime
    tracking_code: str = ""
    carrier: str = ""
    method: str = ""
    url: str = ""
    delivery_id: str = ""
    items: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Hint:
    """What a webhook told us: only that it is worth looking sooner. Never data."""

    about: str
    """``orders``, ``listings`` or ``connection``."""
    remote_ids: tuple[str, ...] = ()


# --- errors: named by what the engine does next ----------------------------------------------


class MarketplaceError(Exception):
    """Base of everything an adapter may raise."""


class Unavailable(MarketplaceError):
    """Nothing is known about the outcome; the lane backs off and the items stay due.

    `is_answer` is False where no answer came at all: then it speaks against the wire, not against an item.
    """

    def __init__(self, message: str, *, retry_after: timedelta | None = None, is_answer: bool = True) -> None:
        super().__init__(message)
        self.retry_after, self.is_answer = retry_after, is_answer


class Throttled(Unavailable):
    """Too many calls on this connection; the lane waits as told and counts no failure."""


class CredentialsRejected(MarketplaceError):
    """The account's consent is lost; a person must give fresh credentials."""


class Refused(MarketplaceError):
    """A definite no to the whole call; the same call would be refused again."""

    def __init__(self, message: str, issues: Sequence[Issue] = ()) -> None:
        super().__init__(message)
        self.issues = tuple(issues)


class UnexpectedAnswer(MarketplaceError):
    """The answer does not have the documented form; long back-off, and staff look at it."""


# --- roles ----------------------------------------------------------------------------------


class Adapter(ABC):
    """One seller's account at one marketplace. Every adapter can at least say who it is."""

    @abstractmethod
    def identify(self) -> str:
        """Return the account's own id at the marketplace; raise CredentialsRejected."""


class ContentPublisher(Adapter):
    """Publishes and withdraws product content. Every call is safe to repeat with the same items."""

    @abstractmethod
    def publish_content(self, items: Sequence[ContentItem]) -> Receipt:
        """Create or replace these listings."""

    @abstractmethod
    def withdraw(self, items: Sequence[WithdrawItem]) -> Receipt:
        """Take these listings off sale; one the marketplace does not know counts as done.

        The verdicts are final, there is no submission to ask about: an item without one is asked for again.
        """


class Matcher(Adapter):
    """Finds entries of the marketplace's catalogue to associate variations with."""

    @abstractmethod
    def match(self, queries: Sequence[MatchQuery]) -> Sequence[Match]: ...


class PricePublisher(Adapter):
    @abstractmethod
    def publish_prices(self, items: Sequence[PriceItem]) -> Receipt: ...


class StockPublisher(Adapter):
    @abstractmethod
    def publish_stock(self, items: Sequence[StockItem]) -> Receipt: ...


class SubmissionPoller(Adapter):
    @abstractmethod
    def poll(self, submission_id: str) -> Receipt:
        """Ask about a submission; the receipt still carries its id while it is undecided.

        A submission the marketplace no longer knows raises `Refused`.
        """


class ListingReader(Adapter):
    @abstractmethod
    def read_listings(self, skus: Sequence[str]) -> Sequence[ListingView]:
        """Return what is shown for each SKU asked, ABSENT for the unknown ones."""


class TaxonomySource(Adapter):
    @abstractmethod
    def categories(self) -> Sequence[RemoteCategory]: ...

    @abstractmethod
    def schema(self, category_id: str) -> CategorySchema: ...


class OrderSource(Adapter):
    @abstractmethod
    def fetch_orders(self, cursor: str) -> OrderPage:
        """Return orders new or changed since the cursor, oldest change first; "" starts at the beginning.

        Raises `Refused` where the marketplace will not go on from this cursor: then all is read again.
        """


class FulfilmentSink(Adapter):
    """Tells the marketplace what the seller did with an order. Every call is safe to repeat."""

    @abstractmethod
    def accept(self, order_id: str) -> None: ...

    @abstractmethod
    def send_invoice(self, order_id: str, invoice: InvoiceNote) -> None: ...

    @abstractmethod
    def send_shipment(self, order_id: str, shipment: ShipmentNote) -> None: ...

    @abstractmethod
    def confirm_delivery(self, order_id: str, delivered_at: datetime) -> None: ...

    @abstractmethod
    def cancel(self, order_id: str, reason: str) -> None: ...


class HintReceiver(Adapter):
    """Understands the marketplace's webhooks."""

    @abstractmethod
    def subscribe(self, url: str) -> None:
        """Ask the marketplace to call `url` from now on; safe to repeat."""

    @abstractmethod
    def read_hint(self, headers: Mapping[str, str], body: bytes) -> Hint:
        """Check the signature and say what to look at; a wrong one raises CredentialsRejected."""


@dataclass(frozen=True, slots=True)
class BatchSizes:
    """How many items one call may carry.

    Of a batch this large an adapter makes one call of HTTP: limits are counted, and leases measured, by it.
    """

    content: int = 1
    withdraw: int = 1
    price: int = 1
    stock: int = 1
    read: int = 1
    match: int = 1


@dataclass(frozen=True, slots=True)
class Exchange:
    """One HTTP conversation with a marketplace, secrets already removed, bodies trimmed."""

    method: str
    url: str
    status: int
    """0 when no answer came."""
    started_at: datetime
    seconds: float
    request_body: str
    response_body: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class Marketplace:
    """The static description of a marketplace: what it is called, what it needs, what it can do.

    `credentials` is a frozen dataclass of strings; each field's metadata may carry ``label``,
    ``help`` and ``secret`` (a secret field has ``repr=False``); one with a default is optional.
    `connect` builds an adapter: ``connect(credentials, base_url=..., observe=...)``; `observe` is
    called with every `Exchange`.
    """

    key: str
    label: str
    credentials: type[Any]
    adapter: type[Adapter]
    connect: Callable[..., Adapter]
    base_url: str
    batch: BatchSizes = BatchSizes()
    calls_per_second: Decimal = Decimal(1)
    """The marketplace's own limit for one account; staff may lower it."""
    calls_per_second_of_all: Decimal | None = None
    """Its limit for all accounts of this hub together; None where it counts each account for itself."""
    largest_price_cut: Decimal | None = None
    """How many per cent of the price in force one update may take away; None where none is known."""

    def offers(self, role: type[Any]) -> bool:
        """Say whether this marketplace can play a role."""
        return issubclass(self.adapter, role)
