"""A person at a browser, without the browser: pages and forms over real HTTP, cookies and CSRF included."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import requests

from hub.erp.http import ErpError

SECONDS_PER_PAGE = 60
TICKED = ("checkbox", "radio")
WITHOUT_VALUE = ("submit", "button", "image", "file", "reset")


@dataclass
class Form:
    """One form of a page, filled in as the page shows it."""

    action: str
    method: str
    values: list[tuple[str, str]] = field(default_factory=list)
    choices: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """What a select or a group of boxes offers: name -> (value, words)."""

    def filled(self, **changes: str | list[str]) -> list[tuple[str, str]]:
        """Return the values to send, some of them changed."""
        kept = [(name, value) for name, value in self.values if name not in changes]
        for name, value in changes.items():
            kept += [(name, one) for one in ([value] if isinstance(value, str) else value)]
        return kept


class Page(HTMLParser):
    """One page that was loaded: where, its status, its text and its forms."""

    def __init__(self, url: str, status: int, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.url, self.status, self.html = url, status, html
        self.forms: list[Form] = []
        self._form: Form | None = None
        self._select: tuple[str, list[tuple[str, str, bool]]] | None = None
        self._option: list[str] | None = None
        self._area: tuple[str, list[str]] | None = None
        self.feed(html)

    @property
    def path(self) -> str:
        """The address without the host."""
        return urlsplit(self.url).path

    @property
    def text(self) -> str:
        """What a person reads, in one line."""
        bare = re.sub(r"(?s)<(script|style)\b.*?</\1>|<[^>]+>", " ", self.html)
        return " ".join(unescape(bare).split())

    def form(self, having: str) -> Form:
        """Return the first form with a field of this name; raises ErpError."""
        for one in self.forms:
            if having in one.choices or any(name == having for name, _value in one.values):
                return one
        raise ErpError(f"{self.path} ({self.status}) has no form with {having!r}. It says: {self.text[:400]}")

    def forms_to(self, pattern: str) -> list[Form]:
        """Return the forms whose action matches."""
        return [one for one in self.forms if re.search(pattern, one.action)]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of forms and their fields."""
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            method = said.get("method", "get").lower()
            self._form = Form(urljoin(self.url, said.get("action") or self.url), method)
            self.forms.append(self._form)
        elif tag == "option" and self._select is not None:
            self._option = []
            self._select[1].append((said.get("value", ""), "", "selected" in said))
        elif self._form is None or not said.get("name") or "disabled" in said:
            return
        elif tag == "input":
            self._input(self._form, said)
        elif tag == "select":
            self._select = (said["name"], [])
        elif tag == "textarea":
            self._area = (said["name"], [])

    def _input(self, form: Form, said: dict[str, str]) -> None:
        kind, name, value = said.get("type", "text").lower(), said["name"], said.get("value", "")
        if kind in WITHOUT_VALUE:
            return
        if kind in TICKED:
            value = said.get("value", "on")
            form.choices.setdefault(name, []).append((value, ""))
            if "checked" not in said:
                return
        form.values.append((name, value))

    def handle_data(self, data: str) -> None:
        """Collect the words of options and text areas."""
        if self._option is not None:
            self._option.append(data)
        elif self._area is not None:
            self._area[1].append(data)

    def handle_endtag(self, tag: str) -> None:
        """Finish what the tag ends."""
        if tag == "form":
            self._form = None
        elif tag == "option" and self._select is not None and self._option is not None:
            value, _words, is_selected = self._select[1].pop()
            self._select[1].append((value, " ".join("".join(self._option).split()), is_selected))
            self._option = None
        elif tag == "select" and self._select is not None and self._form is not None:
            name, options = self._select
            self._form.choices[name] = [(value, words) for value, words, _selected in options]
            chosen = [value for value, _words, is_selected in options if is_selected]
            self._form.values += [(name, value) for value in chosen or [one[0] for one in options[:1]]]
            self._select = None
        elif tag == "textarea" and self._area is not None and self._form is not None:
            self._form.values.append((self._area[0], "".join(self._area[1]).removeprefix("\n")))
            self._area = None


class Browser:
    """One person's browser, with its cookies."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers.update({"Accept": "text/html", "Accept-Language": "pt-BR"})

    def get(self, path: str, **params: str) -> Page:
        """Open an address; raises ErpError when nobody answers or the server broke."""
        return self._load("GET", urljoin(f"{self.base_url}/", path), params=params)

    def submit(self, form: Form, *, is_piece: bool = False, **changes: str | list[str]) -> Page:
        """Send a form and follow to the page that answers it, or let htmx fetch a piece of the page."""
        values = form.filled(**changes)
        if form.method == "get":
            return self._load("GET", form.action, params=values)
        headers = {"Referer": form.action} | ({"HX-Request": "true"} if is_piece else {})
        return self._load("POST", form.action, data=values, headers=headers)

    def download(self, path: str) -> str:
        """Return a file as text."""
        response = self._ask("GET", urljoin(f"{self.base_url}/", path))
        response.encoding = "utf-8-sig"
        return response.text

    def _load(self, method: str, url: str, **body: object) -> Page:
        response = self._ask(method, url, **body)
        return Page(response.url, response.status_code, response.text)

    def _ask(self, method: str, url: str, **body: object) -> requests.Response:
        try:
            response = self._session.request(
                method,
                url,
                timeout=SECONDS_PER_PAGE,
                **body,  # type: ignore[arg-type]
            )
        except requests.RequestException as error:
            raise ErpError(f"{url} does not answer ({type(error).__name__}).") from error
        if response.status_code >= 500:
            raise ErpError(f"{method} {url} answered {response.status_code}.")
        return response
