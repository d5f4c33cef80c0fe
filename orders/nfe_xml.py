"""The XML of a Brazilian electronic invoice (NF-e 4.00): what it says of itself, and whether that agrees.

The files come from strangers, so no entity is expanded and no document type is read (defusedxml). The
signature is not checked: whether the tax office knows the invoice is the marketplace's to ask.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from hub import moments
from hub.refusals import Refusal
from orders import nfe

LIMIT = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Document:
    """What the hub needs of an invoice's XML."""

    key: str
    issued_at: datetime | None
    text: str
    """The whole file, as the marketplace gets it."""


def read(file: bytes) -> Document:
    """Read an invoice's XML; raises Refusal for what is none, or contradicts itself."""
    if len(file) > LIMIT:
        raise Refusal(_("The XML is too large."))
    try:
        text = file.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refusal(_("The XML must be in UTF-8.")) from None
    try:
        root = fromstring(file, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        # The last two are expat's for encodings it does not know.
        raise Refusal(_("The file is not well-formed XML.")) from None
    info = _first(root, "infNFe")
    key = (info.get("Id", "") if info is not None else "").removeprefix("NFe")
    if info is None or not key:
        raise Refusal(_("The file is not the XML of an NF-e: it has no access key."))
    if problem := "" if nfe.is_made_up(key) else nfe.problem_of(key) or _contradiction(root, info, key):
        raise Refusal(problem)
    issued = _text(info, "ide", "dhEmi")
    try:
        issued_at = parse_datetime(issued)
    except ValueError:
        issued_at = None
    if issued_at is None or issued_at.tzinfo is None:
        return Document(key, None, text)
    if not moments.is_plausible(issued_at):
        raise Refusal(_("%(field)s: send a date between 01/01/2000 and 31/12/2099.") % {"field": "ide/dhEmi"})
    return Document(key, issued_at, text)


def _contradiction(root: Element, info: Element, key: str) -> str:
    """Say in one sentence where the invoice and its key disagree; empty when they agree."""
    issuer = _text(info, "emit", "CNPJ") or _text(info, "emit", "CPF")
    if not issuer:
        return _("The XML does not name its issuer (emit/CNPJ).")
    if issuer.zfill(14) != nfe.issuer_of(key):
        return _("The issuer in the XML (%(xml)s) is not the one in the access key (%(key)s).") % {
            "xml": issuer,
            "key": nfe.issuer_of(key),
        }
    number = _text(info, "ide", "nNF")
    if number and number != nfe.number_of(key):
        return _("The number in the XML (%(xml)s) is not the one in the access key (%(key)s).") % {
            "xml": number,
            "key": nfe.number_of(key),
        }
    protocol = _first(root, "chNFe")
    if protocol is not None and (protocol.text or "").strip() != key:
        return _("The tax office's protocol in the XML belongs to another invoice.")
    return ""


def _first(parent: Element, name: str) -> Element | None:
    """Return the first element of this name, whatever its namespace."""
    return next((one for one in parent.iter() if one.tag.rpartition("}")[2] == name), None)


def _text(parent: Element, *names: str) -> str:
    """Return the text of an element inside an element, by direct descent; empty where there is none."""
    for name in names:
        found = next((one for one in parent if one.tag.rpartition("}")[2] == name), None)
        if found is None:
            return ""
        parent = found
    return (parent.text or "").strip()
