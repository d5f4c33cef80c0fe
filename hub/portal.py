"""The sellers' site, and everything that keeps one seller's pages apart from another's.

Apps register their pages here: models with `SellerAdmin`, menu entries with `portal_site.menu`,
pages of their own with `portal_site.page`, and what the start page shows with `hub.start_page`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any, Literal, cast
from urllib.parse import parse_qsl

from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.filters import RelatedFieldListFilter
from django.contrib.admin.utils import get_fields_from_path
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest, FieldDoesNotExist
from django.db import models
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import RelatedDropdownFilter

from hub import signin, start_page, tenancy, way_back
from hub.counting import CappedPaginator
from hub.models import Seller
from hub.row_number import row_number
from hub.sites import HubSite
from hub.tenancy import Right
from hub.ticks import TickedByNumber

View = Callable[..., HttpResponse]

GROUPS: tuple[tuple[str, Any], ...] = (
    ("start", ""),
    ("catalog", gettext_lazy("Catalogue")),
    ("marketplaces", gettext_lazy("Marketplaces")),
    ("orders", gettext_lazy("Orders")),
    ("account", gettext_lazy("Account")),
)

COMPARISONS = frozenset({"id", "pk", "exact", "in", "isnull"})
"""What an address may put behind a field it filters by."""


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """One line of the side menu."""

    group: str
    order: int
    title: Any
    icon: str
    url_name: str
    needs: Right | None
    shown: Callable[[HttpRequest], bool] | None
    query: str
    """What the page is to show of its rows, such as \"state__exact=open\"."""


@dataclass(frozen=True, slots=True)
class Banner:
    """What every page of a seller says at its top while it holds."""

    title: str
    text: str
    tone: Literal["warning", "info"] = "warning"
    icon: str = "warning"


class SellerSite(HubSite):
    """The portal, at /portal/: for active members of active sellers, staff or not."""

    settings_name = "UNFOLD_PORTAL"
    login_form = signin.SellerLogin
    index_template = "portal/index.html"
    index_title = gettext_lazy("Start")

    def __init__(self, name: str = "portal") -> None:
        super().__init__(name)
        self._entries: list[MenuEntry] = []
        self._pages: list[tuple[str, str, View]] = []
        self._banners: list[Callable[[Seller], Sequence[Banner]]] = []
        # Catalogue data are the ERP's and machine rows the hub's: nothing is deleted in bulk.
        self.disable_action("delete_selected")

    def has_permission(self, request: HttpRequest) -> bool:
        """Let in whoever works for an active seller; being staff does not help."""
        return tenancy.current_membership(request) is not None

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """Guard every page of the site.

        The NUL character, which the database neither stores nor compares, is a 400. Whoever is not signed
        in and sent a form comes back to the form's page, not to the address it was sent to; and whoever
        opens such an address is led to a page.
        """
        inner = cast(View, super().admin_view(view, cacheable))

        @wraps(inner)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            given = [*request.GET.lists(), *request.POST.lists()]
            if any("\x00" in value for _name, values in given for value in values):
                raise BadRequest
            if not self.has_permission(request) and (request.method == "POST" or _is_part_of_a_page(request)):
                return self._to_sign_in(request)
            response = inner(request, *args, **kwargs)
            if response.status_code == 405 and request.method == "GET" and not _is_part_of_a_page(request):
                messages.info(request, _("Nothing was done: this is only done by the button on its page."))
                before = way_back.page_before(request)
                is_here = before.partition("?")[0] == request.path
                return HttpResponseRedirect(reverse("portal:index") if is_here else before)
            return response

        return guarded

    def _to_sign_in(self, request: HttpRequest) -> HttpResponse:
        """Ask who it is, and say that what was sent is lost."""
        if request.method == "POST" and not request.user.is_authenticated:
            messages.warning(
                request, _("Your session had ended: what you sent was not saved. Please send it again.")
            )
        to = redirect_to_login(way_back.page_before(request), reverse("portal:login"))
        if not _is_part_of_a_page(request):
            return to
        # htmx would put the sign-in into the page's part.
        return HttpResponse(status=204, headers={"HX-Redirect": to.url})

    def menu(
        self,
        group: str,
        title: Any,
        icon: str,
        url_name: str,
        *,
        order: int = 50,
        needs: Right | None = None,
        shown: Callable[[HttpRequest], bool] | None = None,
        query: str = "",
    ) -> None:
        """Add a line to the side menu; `url_name` is the site's own, such as "catalog_product_changelist".

        `shown` leaves the line out for sellers it says nothing to; `query` chooses among the page's rows.
        """
        self._entries.append(MenuEntry(group, order, title, icon, url_name, needs, shown, query))

    def banner(self, function: Callable[[Seller], Sequence[Banner]]) -> Callable[[Seller], Sequence[Banner]]:
        """Register what may have to be said on every page; it may cost one indexed query."""
        self._banners.append(function)
        return function

    def page(self, route: str, name: str, *, needs: Right | None = None) -> Callable[[View], View]:
        """Add a page of its own to the site; without the right it answers 403."""

        def register(view: View) -> View:
            @wraps(view)
            def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
                if needs is not None:
                    tenancy.demand(request, needs)
                request.current_app = self.name
                return view(request, *args, **kwargs)

            self._pages.append((route, name, guarded))
            return view

        return register

    def render(
        self, request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200
    ) -> TemplateResponse:
        """Render a page of the site inside its frame; the context needs a `title`."""
        request.current_app = self.name
        return TemplateResponse(request, template, {**self.each_context(request), **context}, status=status)

    def get_urls(self) -> list[URLPattern]:
        """Put the site's own pages in front of the models'."""
        own = [path(route, self.admin_view(view), name=name) for route, name, view in self._pages]
        own.append(path("seller/", self.admin_view(require_POST(self.switch)), name="switch_seller"))
        return own + list(super().get_urls())

    def switch(self, request: HttpRequest) -> HttpResponse:
        """Work for another of the person's sellers from now on."""
        if not tenancy.choose(request, row_number(request.POST.get("seller", ""))):
            messages.error(request, _("You do not work for this seller."))
        return HttpResponseRedirect(reverse("portal:index"))

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Answer "what needs me?"."""
        shown = start_page.build(request)
        return cast(TemplateResponse, super().index(request, {**shown, **(extra_context or {})}))

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Add the current seller, the person's other sellers and their rights to every page."""
        context: dict[str, Any] = super().each_context(request)
        membership = tenancy.current_membership(request)
        context.update(
            membership=membership,
            memberships=tenancy.memberships(request),
            site_subheader=membership.seller.name if membership else None,
            site_dropdown=len(tenancy.memberships(request)) > 1,
            may_operate=tenancy.may(request, "operate"),
            may_manage=tenancy.may(request, "manage"),
            # Asked by the template: a page without the frame costs nothing.
            banners=partial(self.banners_of, membership.seller) if membership else (),
        )
        return context

    def banners_of(self, seller: Seller) -> list[Banner]:
        """What is to be said to a seller now."""
        return [banner for function in self._banners for banner in function(seller)]

    def get_sidebar_list(self, request: HttpRequest) -> list[dict[str, Any]]:
        """Build the side menu from what the apps registered."""
        entries = sorted(self._entries, key=lambda one: one.order)
        groups = []
        for key, title in GROUPS:
            items = [
                {
                    "title": entry.title,
                    "icon": entry.icon,
                    "link": (link := reverse(f"{self.name}:{entry.url_name}"))
                    + (entry.query and f"?{entry.query}"),
                    "active": request.path == link
                    or (entry.url_name != "index" and request.path.startswith(link)),
                    "has_permission": True,
                }
                for entry in entries
                if entry.group == key
                and (entry.needs is None or tenancy.may(request, entry.needs))
                and (entry.shown is None or entry.shown(request))
            ]
            groups.append({"title": title, "items": items})
        return groups


def _is_part_of_a_page(request: HttpRequest) -> bool:
    """Tell whether a script of the page asks for a part of it."""
    return "HX-Request" in request.headers


portal_site = SellerSite()
portal_site.menu("start", gettext_lazy("Start"), "home", "index", order=0)


def seller_lookup(seller_path: str) -> str:
    """Turn the path to the seller into the equality lookup on its key, which the indexes need."""
    return f"{seller_path}_id"


def resolves_to_seller(model: type[models.Model], seller_path: str) -> bool:
    """Tell whether a path of foreign keys leads from the model to its seller."""
    try:
        last = get_fields_from_path(model, seller_path)[-1]
    except (FieldDoesNotExist, AttributeError, IndexError):
        return False
    return isinstance(last, models.ForeignKey) and last.related_model is Seller


class Scoped:
    """Scopes rows and choices to the seller the person works for; shared by admins and inlines."""

    seller_path: str | None = "seller"
    """Foreign keys from the model to its seller; None for rows that are the same for everybody."""
    raw_id_fields: Sequence[str] = ()
    model: type[models.Model]
    admin_site: Any

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        """Return the current seller's rows, and nobody else's."""
        rows: models.QuerySet[Any] = super().get_queryset(request)  # type: ignore[misc]
        if self.seller_path is None:
            return rows
        return rows.filter(**{seller_lookup(self.seller_path): tenancy.actor(request).seller.pk})

    def get_field_queryset(
        self, db: str | None, db_field: models.Field[Any, Any], request: HttpRequest
    ) -> models.QuerySet[Any]:
        """Offer only what the related model's own portal page would show; nothing when it has none."""
        return scoped_choices(self.admin_site, cast(Any, db_field).remote_field.model, request)


def scoped_choices(
    site: Any, model: type[models.Model], request: HttpRequest
) -> models.QuerySet[models.Model]:
    """Return the rows of a related model the current seller may choose from."""
    if site.is_registered(model):
        return cast("models.QuerySet[models.Model]", site.get_model_admin(model).get_queryset(request))
    return model._default_manager.none()


class ScopedRelatedFilter(RelatedDropdownFilter):
    """A list filter by a related row that offers only the current seller's rows."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        """Return the choices through the related model's own portal page."""
        rows = scoped_choices(model_admin.admin_site, field.remote_field.model, request)
        return [(row.pk, str(row)) for row in rows[:200]]


class SellerAdmin(Scoped, TickedByNumber):
    """A model's pages on the portal: the current seller's rows, read-only unless it says otherwise.

    Actions name their right: `@action(permissions=["operate"])` or `["manage"]`. "All that match"
    hands an action the filtered, scoped queryset unevaluated: work on it in the database.
    """

    add_right: Right | None = None
    change_right: Right | None = None
    delete_right: Right | None = None

    paginator = CappedPaginator
    show_full_result_count = False
    # Counting every choice of every filter reads the whole catalogue.
    show_facets = ShowFacets.NEVER
    list_per_page = 50
    list_max_show_all = 0
    list_fullwidth = True
    list_filter_submit = True
    actions_selection_counter = True
    list_filter: Iterable[Any] = ()
    linked_lookups: Sequence[str] = ()
    """Fields other pages' links filter by, although the list offers no filter for them."""
    list_tabs: Sequence[tuple[Any, str]] = ()
    """Titles and query strings of the tabs above the list; the empty string shows everything."""
    list_before_template = "portal/tabs.html"

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Put the tabs above the list; the one whose query the page has is the active one."""
        asked = set(parse_qsl(request.GET.urlencode()))
        matches = [bool(query) and set(parse_qsl(query)) <= asked for _title, query in self.list_tabs]
        tabs = [
            (title, query, match if query else not any(matches) and not asked)
            for (title, query), match in zip(self.list_tabs, matches, strict=True)
        ]
        response: HttpResponse = super().changelist_view(
            request, {"list_tabs": tabs, **(extra_context or {})}
        )
        return response

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Let an address filter only by what the list offers, and by `linked_lookups`.

        Django would also take any column of the row, which tells secrets letter by letter and breaks
        on types that cannot be read from an address. What names no column is left to the filters.
        """
        names = set(self.linked_lookups)
        for item in self.list_filter:
            one = item[0] if isinstance(item, (tuple, list)) else item
            names.add(one if isinstance(one, str) else one.parameter_name)
        for offered in names:
            if lookup == offered:
                return True
            if lookup.startswith(f"{offered}__"):
                # Further relations would lead on to other sellers' rows and people's passwords.
                return set(lookup.removeprefix(f"{offered}__").split("__")) <= COMPARISONS
        columns = {field.name for field in self.model._meta.get_fields()}
        columns |= {field.attname for field in self.model._meta.concrete_fields} | {"pk"}
        return lookup.split("__")[0] not in columns

    def has_operate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Owners and operators act."""
        return tenancy.may(request, "operate")

    def has_manage_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Owners manage credentials, keys and people."""
        return tenancy.may(request, "manage")

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Every member sees every part of the portal."""
        return tenancy.current_membership(request) is not None

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Every member looks."""
        return tenancy.current_membership(request) is not None

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody, unless the class names a right."""
        return tenancy.may(request, self.add_right)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody, unless the class names a right."""
        return tenancy.may(request, self.change_right)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody, unless the class names a right."""
        return tenancy.may(request, self.delete_right)

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: bool) -> None:
        """Write only what the form changed; a new row belongs to the current seller."""
        if change:
            obj.save(update_fields=form.changed_data)
            return
        if self.seller_path == "seller":
            obj.seller = tenancy.actor(request).seller
        obj.save()


class SellerTabularInline(Scoped, TabularInline):
    """Rows below their parent, read-only; the parent is already the seller's."""

    seller_path = None
    extra = 0
    can_delete = False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever sees the parent sees its rows."""
        return tenancy.current_membership(request) is not None

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Machine-owned."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Machine-owned."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Machine-owned."""
        return False


def relation_filters(model: type[models.Model], list_filter: Iterable[Any]) -> Iterable[tuple[str, Any]]:
    """Yield each list filter that offers related rows, with its filter class or None."""
    for item in list_filter:
        name, cls = item if isinstance(item, (tuple, list)) else (item, None)
        if not isinstance(name, str):
            continue
        try:
            field = get_fields_from_path(model, name)[-1]
        except (FieldDoesNotExist, AttributeError):
            continue
        if field.is_relation and (cls is None or issubclass(cls, RelatedFieldListFilter)):
            yield name, cls
