"""What the demo's ERP does about refused products. Pure. For demonstration only: a real ERP asks a person.

Two passes. `by_rule` needs nobody: it fills in what any marketplace would ask for. `by_issues` reads the
hub's own answer (`issues` of a bulk call) and does what each one says. Everything made up is made from the
SKU, so that a repeated run sends the same again.
"""

from __future__ import annotations

import copy
import re
import unicodedata
import zlib
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlsplit

Product = dict[str, Any]
Issue = Mapping[str, Any]

BRAND = "Genérica"
NO_NAME = "Produto sem descrição na nota"
TITLE_LENGTH = 60
"""The shortest limit among common marketplaces."""
LEAST_PRICE, MOST_WEIGHT, MOST_DESCRIPTION = 0.50, 200.0, 2_000
UNKNOWN = "Não informado"
# Words that claim nothing, in the order in which they are preferred among a marketplace's allowed values.
MODEST = (
    "não se aplica",
    "não informado",
    "outro",
    "outra",
    "outros",
    "unissex",
    "único",
    "u",
    "sem",
    "colorido",
)
# Where the source has no category at all, what the whole source sells.
CATEGORIES = {
    "casa_magalhaes": "Alimentos e Bebidas > Mercearia",
    "ylorde_bebidas": "Alimentos e Bebidas > Bebidas",
    "cosmos_mercadola": "Alimentos e Bebidas > Mercearia",
    "woo_pontodogolfe": "Esporte e Lazer > Golfe",
}
NO_CATEGORY = "Diversos"
DEAD_CATEGORY = "Array"
"""An export mistake of the golf shop, on two thirds of its products."""


def by_rule(product: Product, *, is_copy: bool = False) -> Product:
    """Return the product with what is missing filled in; `is_copy` says that another one has its name."""
    fixed = copy.deepcopy(product)
    fixed["name"] = title(fixed, is_copy=is_copy)
    fixed.setdefault("brand", BRAND)
    fixed["images"] = images(fixed)
    if not 200 <= len(fixed.get("description") or "") <= MOST_DESCRIPTION:
        said = shorten(" ".join(re.sub(r"<[^>]*>", " ", fixed.get("description") or "").split()), 1_000)
        fixed["description"] = describe(fixed["name"], said)
    if not 0 < (fixed.get("weight") or 0) <= MOST_WEIGHT:
        fixed["weight"] = round(0.1 + draw(fixed["sku"], "weight", 40) / 10, 3)
    for side in ("height", "width", "length"):
        fixed[side] = fixed.get(side) or 5 + draw(fixed["sku"], side, 30)
    if (fixed.get("price") or 0) < LEAST_PRICE:
        fixed["price"] = made_up_price(fixed["sku"])
        fixed.pop("promotional_price", None)
    if fixed.get("qty") is None and not fixed.get("variations"):
        fixed["qty"] = draw(fixed["sku"], "qty", 100)
    for variation in fixed.get("variations", ()):
        variation["images"] = images(variation) if variation.get("images") else []
        variation["qty"] = variation.get("qty") or draw(variation["sku"], "qty", 20)
        if not 0 < (variation.get("weight") or 1) <= MOST_WEIGHT:
            variation["weight"] = fixed["weight"]
    if not fixed.get("categories") or fixed["categories"][0]["name"] == DEAD_CATEGORY:
        name = CATEGORIES.get(fixed["sku"].split(":")[0], NO_CATEGORY)
        fixed["categories"] = [{"code": name, "name": name}]
    return fixed


def all_by_rule(products: Iterable[Product]) -> list[Product]:
    """Correct a whole catalogue; names used twice are told apart, because marketplaces refuse copies."""
    used: set[str] = set()
    corrected = []
    for product in products:
        is_copy = plain(title(product, is_copy=False)) in used
        corrected.append(by_rule(product, is_copy=is_copy))
        used.add(plain(corrected[-1]["name"]))
    return corrected


def title(product: Product, *, is_copy: bool) -> str:
    """Return the name as long as it may be everywhere; one that is taken gets its SKU's end."""
    name = " ".join(str(product.get("name") or NO_NAME).split())
    if len(name) < 10:
        name = f"{name} {BRAND if not product.get('brand') else product['brand']} unidade"
    mark = f" ref {product['sku'].split(':')[-1][-20:]}" if is_copy else ""
    return shorten(name, TITLE_LENGTH - len(mark)) + mark


def shorten(text: str, limit: int) -> str:
    """Cut a text at a word's end."""
    if len(text) <= limit:
        return text
    cut = text[:limit]
    return (cut[: cut.rindex(" ")] if " " in cut[limit // 2 :] else cut).rstrip(" -,.;:+/")


def images(product: Product) -> list[str]:
    """Return the addresses that can be fetched, blanks written as %20; one placeholder where none is left."""
    kept = [quote(url.strip(), safe=":/?&=%~+,;@!$'()*#[]") for url in product.get("images", ())]
    usable = [url for url in kept if urlsplit(url).scheme in ("http", "https") and urlsplit(url).hostname]
    return usable[:8] or [f"https://picsum.photos/seed/{zlib.crc32(product['sku'].encode()):08x}/800/800.jpg"]


def describe(name: str, said: str) -> str:
    """Return a description long enough for every category, made of the name."""
    opening = f"{said} " if said else ""
    return (
        f"{opening}{name}. Produto novo, na embalagem original, conferido antes do envio. Valem as "
        "informações da embalagem; as imagens são ilustrativas. Guarde a nota fiscal: ela é a garantia da "
        "compra. Em caso de dúvida, fale com a loja antes de comprar."
    )


# --- what the hub says ------------------------------------------------------------------------


def by_issues(product: Product, issues: Sequence[Issue], attempt: int = 0) -> Product:
    """Return the product with everything done that the issues ask for and a rule can do.

    An unchanged product means that no rule helps. `attempt` counts earlier tries with the same issue.
    """
    fixed = copy.deepcopy(product)
    for issue in issues:
        field, code = str(issue.get("field", "")), str(issue.get("code", ""))
        if field.startswith("attributes."):
            specify(fixed, issue, attribute(fixed, issue, attempt))
        elif code in ("gtin_missing", "gtin_invalid"):
            for one in fixed.get("variations") or [fixed]:
                if not is_gtin(str(one.get("ean") or "")):
                    one["ean"] = internal_gtin(one["sku"])
        elif code == "duplicate":
            fixed["name"] = title(fixed, is_copy=True)
        elif code == "forbidden_word":
            for phrase in re.findall("“([^”]+)”", str(issue.get("marketplace_message") or "")):
                fixed["name"] = " ".join(re.sub(re.escape(phrase), " ", fixed["name"], flags=re.I).split())
        elif field == "name" and code == "too_long":
            fixed["name"] = shorten(fixed["name"], limit_of(issue) or TITLE_LENGTH)
        elif field == "name":
            fixed["name"] = shorten(f"{fixed['name']} {fixed.get('brand') or BRAND}", TITLE_LENGTH)
        elif field == "description" and code == "too_long":
            fixed["description"] = shorten(
                re.sub(r"<[^>]*>", " ", fixed["description"]), limit_of(issue) or 2000
            )
        elif field == "description":
            fixed["description"] = describe(fixed["name"], fixed.get("description") or "")
        elif field == "price" and code in ("price_missing", "out_of_range"):
            least = limit_of(issue) or issue.get("minimum") or 0
            fixed["price"] = float(least) + made_up_price(fixed["sku"])
            fixed.pop("promotional_price", None)
            for one in fixed.get("variations", ()):
                one["price"] = one["promotional_price"] = None
    return fixed


def attribute(product: Product, issue: Issue, attempt: int) -> str:
    """Return a value for one attribute: an allowed one that the name has, else a modest one."""
    allowed, code = [str(one) for one in issue.get("allowed") or ()], issue.get("code")
    said = str(issue.get("value") or "")
    if code == "wrong_unit" and allowed:
        number = re.search(r"\d+(?:[.,]\d+)?", said)
        return f"{number[0] if number else 1} {allowed[0]}"
    if code == "not_a_number":
        return "1"
    if code == "out_of_range":
        unit = re.sub(r"[\d.,\s]", "", said)
        return f"{issue.get('minimum') or issue.get('maximum') or 1} {unit}".strip()
    if code == "too_long":
        return shorten(said, limit_of(issue) or 50)
    if code == "too_short":
        return (said or UNKNOWN).ljust(limit_of(issue) or 5, ".")
    if not allowed:
        return UNKNOWN
    words = f" {plain(product['name'])} "
    named = [one for one in allowed if f" {plain(one)} " in words]
    modest = [one for wanted in MODEST for one in allowed if plain(one).startswith(plain(wanted))]
    choices = [*sorted(named, key=len, reverse=True), *modest, *allowed]
    return choices[min(attempt, len(choices) - 1)]


def specify(product: Product, issue: Issue, value: str) -> None:
    """Set the specification an issue is about: where its wrong value stands.

    One that is missing is said of the product, and so of the variations that do not say it themselves.
    """
    key, wrong = str(issue["field"]).removeprefix("attributes."), issue.get("value")
    names = {plain(key), plain(str(issue.get("label") or key))}
    said = [
        spec
        for one in [product, *(product.get("variations", ()) if wrong else ())]
        for spec in one.get("specifications", ())
        if plain(spec["key"]) in names and wrong in (None, spec["value"])
    ]
    for spec in said:
        spec["value"] = value
    if not said:
        product["specifications"] = [*product.get("specifications", ()), {"key": key, "value": value}]


def limit_of(issue: Issue) -> int:
    """Return the limit an issue names; 0 when it names none."""
    try:
        return int(Decimal(str(issue.get("limit") or 0)))
    except ArithmeticError:
        return 0


# --- made up, always the same for a SKU -------------------------------------------------------


def draw(sku: str, what: str, most: int) -> int:
    """Return a number from 1 to `most`."""
    return zlib.crc32(f"{what}:{sku}".encode()) % most + 1


def made_up_price(sku: str) -> float:
    """Return a price from 9.90 to 199.90."""
    return 9.90 + 10 * (draw(sku, "price", 20) - 1)


def internal_gtin(sku: str) -> str:
    """Return a valid GTIN-13 that begins with 2, the range GS1 leaves to shops for their own use."""
    first = f"2{zlib.crc32(sku.encode()) % 10**6:06d}{zlib.adler32(sku.encode()) % 10**5:05d}"
    return first + check_digit(first)


def is_gtin(code: str) -> bool:
    """Tell whether a barcode has a right length and check digit."""
    return (
        code.isascii()
        and code.isdigit()
        and len(code) in (8, 12, 13, 14)
        and check_digit(code[:-1]) == code[-1]
    )


def check_digit(first: str) -> str:
    """Return the GS1 check digit: weights 3 and 1 from the right."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(first)))
    return str(-total % 10)


def plain(text: str) -> str:
    """Return a text without accents, case and punctuation, for comparing."""
    bare = unicodedata.normalize("NFKD", text.casefold())
    return re.sub(r"[^a-z0-9]+", " ", "".join(one for one in bare if not unicodedata.combining(one))).strip()
