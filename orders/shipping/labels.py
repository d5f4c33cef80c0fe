"""Labels as PDF: one page of 100 × 150 mm per volume, as label printers take them."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

from django.utils.translation import gettext as _
from reportlab.graphics.barcode.code128 import Code128
from reportlab.lib.units import mm
from reportlab.lib.utils import simpleSplit
from reportlab.pdfgen.canvas import Canvas

from orders.shipping.document import SERVICES, Parcels, Party
from orders.shipping.models import Plp

WIDTH, HEIGHT = 100 * mm, 150 * mm
MARGIN = 5 * mm
INNER = WIDTH - 2 * MARGIN
WIDEST_BAR = 0.4 * mm
PLAIN, BOLD = "Helvetica", "Helvetica-Bold"


def pdf(plp: Plp | None, parcels: Sequence[Parcels], title: str) -> bytes:
    """Draw the labels of these orders."""
    out = BytesIO()
    canvas = Canvas(out, pagesize=(WIDTH, HEIGHT), pageCompression=1)
    canvas.setTitle(_drawable(title))
    for one in parcels:
        for volume in range(1, one.volumes + 1):
            _Label(canvas, one, volume, plp).draw()
            canvas.showPage()
    canvas.save()
    return out.getvalue()


def _drawable(text: str) -> str:
    """Return a text in letters the PDF's built-in fonts have (Windows-1252)."""
    return " ".join(text.split()).encode("cp1252", "replace").decode("cp1252")


class _Label:
    """One page; `y` is how far down it is written."""

    def __init__(self, canvas: Canvas, parcels: Parcels, volume: int, plp: Plp | None) -> None:
        self.canvas, self.parcels, self.volume, self.plp = canvas, parcels, volume, plp
        self.y = HEIGHT - MARGIN

    def draw(self) -> None:
        """Draw everything, top down."""
        one, order = self.parcels, self.parcels.order
        carrier = SERVICES[Plp.Type(one.carrier)][1]
        self._line(carrier.upper() + (f" · PLP {self.plp.pk}" if self.plp else ""), BOLD, 14)
        self._line(order.channel, PLAIN, 9)
        self._line(_("Order: %(code)s") % {"code": order.remote_id}, BOLD, 10)
        invoice = f"{one.invoice_number}/{one.invoice_series}" if one.invoice_number else "–"
        self._line(
            _("Invoice: %(number)s   Volume: %(volume)s/%(of)s   Weight: %(weight)s kg")
            % {
                "number": invoice,
                "volume": self.volume,
                "of": one.volumes,
                "weight": f"{one.weight.normalize():f}",
            },
            PLAIN,
            8,
        )
        if order.shipping_method:
            self._line(order.shipping_method, PLAIN, 8)
        self._barcode(one.awb(self.volume), 20 * mm)
        self._rule()
        self._party(_("Recipient"), one.recipient, 11)
        if postcode := "".join(filter(str.isdecimal, one.recipient.postcode)):
            self._barcode(postcode, 11 * mm)
        self._rule()
        self._party(_("Sender"), one.sender, 8)

    def _line(self, text: str, font: str, size: float, lines: int = 1) -> None:
        for line in simpleSplit(_drawable(text), font, size, INNER)[:lines]:
            self.y -= size * 1.25
            self.canvas.setFont(font, size)
            self.canvas.drawString(MARGIN, self.y, line)

    def _rule(self) -> None:
        self.y -= 2 * mm
        self.canvas.line(MARGIN, self.y, WIDTH - MARGIN, self.y)

    def _barcode(self, value: str, height: float) -> None:
        shown = _drawable(value).encode("ascii", "replace").decode()
        plain = Code128(shown, barWidth=1, quiet=False)
        bars = Code128(shown, barWidth=min(WIDEST_BAR, INNER / plain.width), barHeight=height, quiet=False)
        self.y -= height + 2 * mm
        bars.drawOn(self.canvas, (WIDTH - bars.width) / 2, self.y)
        self.y -= 9
        self.canvas.setFont(PLAIN, 8)
        self.canvas.drawCentredString(WIDTH / 2, self.y, shown)

    def _party(self, title: str, party: Party, size: float) -> None:
        self._line(title.upper(), BOLD, 7)
        self._line(party.name, BOLD, size, 2)
        street = ", ".join(part for part in (party.street, party.number, party.complement) if part)
        for text in (street, party.neighborhood, party.reference):
            if text:
                self._line(text, PLAIN, size - 1, 2)
        place = " ".join(part for part in (party.postcode, party.city) if part)
        self._line(" – ".join(part for part in (place, party.region) if part), PLAIN, size)
        if party.phone:
            self._line(party.phone, PLAIN, size - 1)
