"""Turns records of the collected real catalogue (`catalogue.jsonl.gz`) into what an ERP sends. Pure.

The mistakes stay in: nothing is guessed, repaired or left out, so that the hub has to say what is wrong.

- SKU: the record's id (`source:native_id`), blanks replaced by underscores.
- Names, brands, descriptions, barcodes and picture addresses stay as they are, also the wrong ones.
- Grams become kg; centimetres stay.
- The category path becomes one category, its code and name the path itself.
- A list price above the price becomes `price`, and the price `promotional_price`; a price of 0 is sent as 0,
  a missing one is not sent.
- Stock is cut to a whole number and never below 0; a missing one is not sent.
- Several variants become variations under `source:sku` (numbered where there is no SKU, or it repeats); a
  single one is the product itself. Option names stay as written (`Cor`, `COR`, `Tamanho` ...).
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

Record = Mapping[str, Any]
Product = dict[str, Any]

FILE = "catalogue.jsonl.gz"
SKU_LENGTH = 100
GRAMS = 1_000


def read(folder: Path) -> Iterator[Product]:
    """Convert every record of the folder's catalogue, in the order of the file; raises OSError."""
    with gzip.open(folder / FILE, "rt", encoding="utf-8") as lines:
        yield from (convert(json.loads(line)) for line in lines)


def convert(record: Record) -> Product:
    """Convert one record."""
    source = str(record["source"])
    product: Product = {"sku": sku_of(str(record["id"])), "name": record.get("name", "")}
    taken = {
        "brand": record.get("brand"),
        "description": record.get("description"),
        "ean": record.get("gtin"),
        "nbm": record.get("ncm"),
        "images": record.get("images"),
        "categories": category_of(record.get("category_path") or ()),
        "specifications": [
            {"key": one["name"], "value": str(one["value"])} for one in record.get("attributes") or ()
        ],
        "height": record.get("height_cm"),
        "width": record.get("width_cm"),
        "length": record.get("length_cm"),
        **terms(record),
    }
    variants = record.get("variants") or ()
    if len(variants) > 1:
        taken["variations"] = list(variations(source, product["sku"], variants))
        taken["variation_attributes"] = list(
            {key: None for one in variants for key in one.get("options", ())}
        )
    return product | {key: value for key, value in taken.items() if value not in (None, "", [])}


def terms(record: Record) -> dict[str, Any]:
    """Return price, stock and weight of a product or a variant; what is not stated is None."""
    price, list_price = record.get("price"), record.get("list_price")
    is_promotion = price is not None and list_price is not None and list_price > price > 0
    weight, stock = record.get("weight_g"), record.get("stock")
    return {
        "price": list_price if is_promotion else price,
        "promotional_price": price if is_promotion else None,
        "weight": None if weight is None else round(weight / GRAMS, 3),
        "qty": None if stock is None else max(0, int(stock)),
    }


def variations(source: str, parent: str, variants: Iterable[Record]) -> Iterator[Product]:
    """Convert the variants of one record."""
    seen: set[str] = set()
    for number, one in enumerate(variants, 1):
        sku = sku_of(f"{source}:{one['sku']}") if one.get("sku") else f"{parent}:{number}"
        if sku in seen or sku == parent:
            sku = f"{sku}:{number}"
        seen.add(sku)
        options = [{"key": key, "value": str(value)} for key, value in (one.get("options") or {}).items()]
        taken = {
            "ean": one.get("gtin"),
            "images": [one["image"]] if one.get("image") else None,
            "specifications": options,
            **terms(one),
        }
        yield {"sku": sku} | {key: value for key, value in taken.items() if value not in (None, "", [])}


def sku_of(record_id: str) -> str:
    """Return a record's id as a SKU: without blanks, and no longer than a SKU may be."""
    return re.sub(r"\s+", "_", record_id)[:SKU_LENGTH]


def category_of(path: Iterable[str]) -> list[dict[str, str]]:
    """Return the record's one category; none when it has no path."""
    name = " > ".join(path)
    return [{"code": name[:255], "name": name}] if name else []
