"""What shipping costs: the seller's own quote, its contingency table, the history of quotes."""

from __future__ import annotations
