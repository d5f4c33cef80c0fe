"""The certificate of a homologation as a PDF: whose it is, since when, and what was shown."""

from __future__ import annotations

from io import BytesIO
from xml.sax.saxutils import escape

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table

from hub.homologation.cases import CASES, GROUPS
from hub.homologation.models import Homologation, HomologationCase

INK, LINE = colors.HexColor("#0f766e"), colors.HexColor("#d1d5db")


def pdf(homologation: Homologation) -> bytes:
    """Draw the certificate of a closed homologation, in the reader's language."""
    base = getSampleStyleSheet()
    title = ParagraphStyle("title", parent=base["Title"], textColor=INK, alignment=0, spaceAfter=2 * mm)
    words, small = base["BodyText"], ParagraphStyle("small", parent=base["BodyText"], fontSize=8, leading=10)
    known = {one.number: one for one in homologation.cases.all()}
    passed = sum(one.state == HomologationCase.State.PASSED for one in known.values())
    facts = [
        (_("Integration"), homologation.integration),
        (_("Test account"), homologation.seller.name),
        (_("Certificate"), homologation.certificate or ""),
        (_("Begun"), _date(homologation.started_at)),
        (_("Completed"), _date(homologation.closed_at)),
        (_("Cases"), _("%(passed)s of %(total)s passed") % {"passed": passed, "total": len(CASES)}),
    ]
    parts = [
        Paragraph(_drawable(_("Certificate of homologation")), title),
        Paragraph(
            _drawable(
                _(
                    "This integration made each of the calls below against the hub's API, and its calls were "
                    "answered as they must be."
                )
            ),
            words,
        ),
        Spacer(1, 4 * mm),
        _table([[_p(name, small), _p(value, words)] for name, value in facts], [40 * mm, 130 * mm]),
    ]
    for group in GROUPS:
        rows = [
            [
                _p(str(case.number), small),
                _p(str(case.title), small),
                _p(known[case.number].get_state_display(), small),
                _p(_date(known[case.number].decided_at), small),
                _p(known[case.number].call.get("request_id", ""), small),
            ]
            for case in group.cases
            if case.number in known
        ]
        if not rows:
            continue
        parts += [
            Spacer(1, 4 * mm),
            Paragraph(f"<b>{_drawable(str(group.title))}</b>", words),
            _table(rows, [8 * mm, 57 * mm, 20 * mm, 28 * mm, 57 * mm]),
        ]
    out = BytesIO()
    document = SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=20 * mm,
        rightMargin=20 * mm,
        topMargin=18 * mm,
        bottomMargin=16 * mm,
        title=homologation.certificate,
        author="Hub",
    )
    document.build(parts)
    return out.getvalue()


def _table(rows: list[list[Paragraph]], widths: list[float]) -> Table:
    style = [
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("TOPPADDING", (0, 0), (-1, -1), 1.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 1.5),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
    ]
    return Table(rows, colWidths=widths, style=style, hAlign="LEFT")


def _p(text: str, style: ParagraphStyle) -> Paragraph:
    return Paragraph(_drawable(text), style)


def _drawable(text: str) -> str:
    # The PDF's built-in fonts have Windows-1252; paragraphs read XML.
    return escape(" ".join(text.split()).encode("cp1252", "replace").decode("cp1252"))


def _date(at: object) -> str:
    return date_format(timezone.localtime(at), "SHORT_DATETIME_FORMAT") if at else "–"  # type: ignore[arg-type]
