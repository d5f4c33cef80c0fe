"""Everything people read is there in Portuguese, and in the words of the glossary."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import polib
import pytest
from django.test import Client
from django.utils import translation
from django.utils.translation.template import templatize

from hub.portal import portal_site
from marketplaces import registry
from tests.portal.sentinel import open_world
from tests.portal.test_tenancy import change_url, list_url, named_pages, sign_in, text

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = polib.pofile(str(ROOT / "locale/pt_BR/LC_MESSAGES/django.po"))
APPS = ("hub", "catalog", "marketplaces", "orders")
MARKS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy"}
IN_TEMPLATE = re.compile(r"\b(?:n?gettext|_)\(\s*u?((?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"))")
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w*\}")


def marked_in_code() -> Iterator[str]:
    for app in APPS:
        for source in (ROOT / app).rglob("*.py"):
            for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
                if not (isinstance(node, ast.Call) and node.args):
                    continue
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                first = node.args[0]
                if name in MARKS and isinstance(first, ast.Constant) and isinstance(first.value, str):
                    yield first.value


def marked_in_templates() -> Iterator[str]:
    folders = [ROOT / "templates", *(ROOT / app / "templates" for app in APPS)]
    for source in (one for folder in folders for one in folder.rglob("*.html")):
        for found in IN_TEMPLATE.findall(templatize(source.read_text(encoding="utf-8"))):
            yield ast.literal_eval(found).replace("%%", "%")


def test_every_text_in_the_code_is_in_the_portuguese_catalogue() -> None:
    known = {entry.msgid.replace("%%", "%") for entry in CATALOGUE}
    # The empty text stands for the catalogue's own head.
    marked = {one for one in {*marked_in_code(), *marked_in_templates()} if one}
    assert len(marked) > 500
    assert {one for one in marked if one.replace("%%", "%") not in known} == set()


def test_what_adapters_say_of_their_credentials_is_in_the_portuguese_catalogue() -> None:
    known = {entry.msgid for entry in CATALOGUE}
    for key in registry.KEYS:
        for one in dataclasses.fields(registry.get(key).credentials):
            said = {one.metadata.get("label", ""), one.metadata.get("help", "")} - {""}
            assert said <= known, key


def test_a_list_is_called_in_the_menu_as_on_its_page() -> None:
    lists = {f"{one._meta.label_lower.replace('.', '_')}_changelist": one for one in portal_site._registry}
    with translation.override("pt-br"):
        for entry in portal_site._entries:
            if model := lists.get(entry.url_name):
                assert str(entry.title).lower() == str(model._meta.verbose_name_plural).lower()


def test_no_entry_is_missing_or_doubtful() -> None:
    assert [entry.msgid for entry in CATALOGUE if not entry.translated() or entry.fuzzy] == []
    assert CATALOGUE.obsolete_entries() == []


def test_translations_keep_their_placeholders() -> None:
    for entry in CATALOGUE.translated_entries():
        wanted = set(PLACEHOLDER.findall(entry.msgid))
        if entry.msgid_plural:
            wanted |= set(PLACEHOLDER.findall(entry.msgid_plural))
        for said in entry.msgstr_plural.values() if entry.msgid_plural else [entry.msgstr]:
            assert set(PLACEHOLDER.findall(said)) == wanted, entry.msgid


@pytest.mark.parametrize(
    ("english", "portuguese"),
    [
        ("Listings", "Anúncios"),
        ("Loads", "Cargas"),
        ("Connected accounts", "Contas conectadas"),
        ("Connect", "Conectar"),
        ("Associate", "Associar"),
        ("Disconnect", "Desconectar"),
        ("Reconnect", "Reconectar"),
        ("queue", "fila"),
        ("submission", "envio"),
        ("catalogue error", "erro de catálogo"),
        ("seller", "lojista"),
    ],
)
def test_the_glossarys_words_are_used(english: str, portuguese: str) -> None:
    entry = CATALOGUE.find(english)
    assert entry is not None
    assert entry.msgstr == portuguese


class Words(HTMLParser):
    """The text a person can read on a page: nodes, and what inputs and pictures say."""

    SILENT = ("script", "style", "pre", "svg")
    SAYING = ("title", "placeholder", "aria-label", "alt", "data-confirm", "data-copied")

    def __init__(self) -> None:
        super().__init__()
        self.quiet = 0
        self.said: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.quiet += tag in self.SILENT or ("class", "material-symbols-outlined") in attrs
        self.said += [value for name, value in attrs if name in self.SAYING and value]

    def handle_endtag(self, tag: str) -> None:
        self.quiet = max(0, self.quiet - (tag in self.SILENT))

    def handle_data(self, data: str) -> None:
        if not self.quiet:
            self.said.append(" ".join(data.split()))


def readable(page: str) -> set[str]:
    words = Words()
    words.feed(re.sub(r'<span class="material-symbols[^>]*>[^<]*</span>', "", page))
    return {one.strip() for one in words.said if one.strip()}


ENGLISH = {
    " ".join(entry.msgid.split())
    for entry in CATALOGUE
    if entry.msgstr and entry.msgstr.lower() != entry.msgid.lower() and "%" not in entry.msgid
} - {"English"}
"""Our English texts that differ in Portuguese; a language is offered under its own name."""


def pages(client: Client) -> Iterator[tuple[str, str]]:
    yield "/portal/", text(client.get("/portal/"))
    for pattern in named_pages():
        if not pattern.pattern.converters and pattern.name != "jsi18n":
            address = f"/portal/{pattern.pattern}"
            yield address, text(client.get(address))


def test_no_english_is_left_on_portuguese_pages(db: None) -> None:
    world, _seller, person = open_world("Lojadaana")
    client = sign_in(person)
    shown = dict(pages(client))
    for model in portal_site._registry:
        for address in (list_url(model), change_url(model, world.row(model).pk)):
            shown[address] = text(client.get(address))
    assert len(shown) > 15
    left = {address: readable(page) & ENGLISH for address, page in shown.items()}
    assert {address: words for address, words in left.items() if words} == {}


def test_the_portal_speaks_english_to_whoever_chooses_it(db: None) -> None:
    _world, _seller, person = open_world("Shopofann")
    client = sign_in(person)
    client.post("/i18n/setlang/", {"language": "en", "next": "/portal/"})
    page = text(client.get("/portal/"))
    assert "Listings in error" in page
    assert "Anúncios com erro" not in page
