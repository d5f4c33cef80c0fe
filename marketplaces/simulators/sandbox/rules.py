"""What makes the marketplace refuse an item: the category's schema, and rules it publishes nowhere."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

from marketplaces.simulators.sandbox.words import GTIN_LENGTHS, is_gtin, plain

BLOCKED_BRANDS = frozenset({"rolex", "louis vuitton", "chanel", "gucci", "prada", "marca bloqueada"})
FORBIDDEN_PHRASES = (
    "réplica",
    "primeira linha",
    "1ª linha",
    "qualidade aaa",
    "falsificado",
    "falsificada",
    "contrabando",
    "similar ao original",
    "cigarro eletronico",
)
PRICE_CEILING = Decimal(100_000)
PRICE_FLOOR = Decimal("0.50")
WEIGHT_CEILING_KG = Decimal(200)
SIDE_CEILING_CM = Decimal(300)
QUANTITY_CEILING = 999_999
SKU_LENGTH = 100
_NINTH = Decimal("1e-9")
IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".webp")
SIDES = {"height_cm": "altura", "width_cm": "largura", "length_cm": "comprimento"}
_TRUTHS = frozenset({"sim", "nao", "true", "false", "1", "0", "yes", "no"})
_NUMBER = re.compile(r"[+-]?\d{1,15}([.,]\d{1,9})?", re.ASCII)
_MEASURE = re.compile(r"([+-]?\d{1,15}(?:[.,]\d{1,9})?)\s*(\D.*)", re.ASCII | re.DOTALL)


def error(code: str, message: str, field: str) -> dict[str, str]:
    return {"code": code, "message": message, "field": field}


def to_decimal(value: Any) -> Decimal | None:
    """Return a number from JSON (a number or a plain decimal string); None when it is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        return None
    if isinstance(value, str) and not re.fullmatch(r"-?\d{1,15}(\.\d{1,9})?", value, re.ASCII):
        return None
    try:
        number = Decimal(value)
    except (InvalidOperation, ValueError):
        return None
    # Comparisons are exact and cannot overflow; at most nine decimals keeps later arithmetic so, too.
    if not number.is_finite() or not -(10**15) < number < 10**15 or number != number.quantize(_NINTH):
        return None
    return number


def reais(value: Any) -> str:
    """Return an amount as people here write it: ``R$ 1.234,56``."""
    whole = f"{Decimal(value):,.2f}"
    return "R$ " + whole.replace(",", "_").replace(".", ",").replace("_", ".")


def check_item(item: Mapping[str, Any], schema: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return every error of a new publication, all at once, in the order of the form."""
    return [
        *_check_title(item, schema),
        *_check_description(item, schema),
        *_check_brand(item, schema),
        *_check_gtin(item, schema),
        *_check_attributes(item.get("attributes") or {}, schema["attributes"]),
        *_check_images(item.get("images") or (), schema),
        *_check_dimensions(item, schema),
        *check_price(item, Decimal(str(schema.get("price_min") or 0))),
        *check_quantity(item.get("quantity")),
    ]


def check_sku(item: Mapping[str, Any]) -> list[dict[str, str]]:
    if len(item["sku"]) > SKU_LENGTH:
        return [error("SBX-SKU-LONG", f"O SKU (sku) passa de {SKU_LENGTH} caracteres.", "sku")]
    return []


def _check_length(
    text: str, least: int, most: int, prefix: str, name: str, field: str
) -> list[dict[str, str]]:
    if least and not text:
        return [error(f"{prefix}-REQUIRED", f"{name} ({field}) é obrigatório nesta categoria.", field)]
    if len(text) < least:
        said = f"{name} ({field}) tem {len(text)} caracteres; o mínimo é {least}."
        return [error(f"{prefix}-SHORT", said, field)]
    if most and len(text) > most:
        said = f"{name} ({field}) tem {len(text)} caracteres; o máximo é {most}."
        return [error(f"{prefix}-LONG", said, field)]
    return []


def _check_title(item: Mapping[str, Any], schema: Mapping[str, Any]) -> list[dict[str, str]]:
    title = (item.get("title") or "").strip()
    least = max(1, int(schema.get("title_min") or 0))
    found = _check_length(title, least, int(schema.get("title_max") or 0), "SBX-TITLE", "Título", "title")
    words = f" {plain(title)} "
    for phrase in FORBIDDEN_PHRASES:
        if f" {plain(phrase)} " in words:  # plain() remembers the few phrases
            said = f"O título (title) usa uma expressão proibida: “{phrase}”."
            found.append(error("SBX-TITLE-FORBIDDEN", said, "title"))
    return found


def _check_description(item: Mapping[str, Any], schema: Mapping[str, Any]) -> list[dict[str, str]]:
    least, most = int(schema.get("description_min") or 0), int(schema.get("description_max") or 0)
    text = (item.get("description") or "").strip()
    return _check_length(text, least, most, "SBX-DESCRIPTION", "Descrição", "description")


def _check_brand(item: Mapping[str, Any], schema: Mapping[str, Any]) -> list[dict[str, str]]:
    brand = (item.get("brand") or "").strip()
    if not brand and schema.get("brand_required"):
        return [error("SBX-BRAND-REQUIRED", "Marca (brand) é obrigatória nesta categoria.", "brand")]
    if plain(brand) in BLOCKED_BRANDS:
        said = f"A marca (brand) “{brand}” só pode ser vendida por lojas autorizadas pelo fabricante."
        return [error("SBX-BRAND-BLOCKED", said, "brand")]
    return []


def _check_gtin(item: Mapping[str, Any], schema: Mapping[str, Any]) -> list[dict[str, str]]:
    gtin = (item.get("gtin") or "").strip()
    found = []
    if not gtin:
        if schema.get("gtin_required"):
            said = "Código de barras (gtin) é obrigatório nesta categoria."
            found.append(error("SBX-GTIN-REQUIRED", said, "gtin"))
    elif not (gtin.isascii() and gtin.isdigit()) or len(gtin) not in GTIN_LENGTHS:
        said = "Código de barras (gtin) deve ter 8, 12, 13 ou 14 dígitos."
        found.append(error("SBX-GTIN-LENGTH", said, "gtin"))
    elif not is_gtin(gtin):
        said = f"Código de barras (gtin) {gtin} tem o dígito verificador errado."
        found.append(error("SBX-GTIN-DIGIT", said, "gtin"))
    ncm = re.sub(r"[.\s]", "", item.get("ncm") or "")
    if ncm and not re.fullmatch(r"\d{8}", ncm, re.ASCII):
        found.append(error("SBX-NCM-FORMAT", "NCM (ncm) deve ter 8 dígitos.", "ncm"))
    return found


def _check_attributes(values: Mapping[str, str], rules: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    found = []
    for rule in rules:
        value = (values.get(rule["id"]) or "").strip()
        if value:
            found += _check_attribute(value, rule)
        elif rule.get("required"):
            said = f"O atributo “{rule['label']}” ({rule['id']}) é obrigatório nesta categoria."
            found.append(error("SBX-ATTR-REQUIRED", said, f"attributes.{rule['id']}"))
    return found


def _check_attribute(value: str, rule: Mapping[str, Any]) -> list[dict[str, str]]:
    field, name = f"attributes.{rule['id']}", f"O atributo “{rule['label']}” ({rule['id']})"
    least, most = int(rule.get("min_length") or 0), int(rule.get("max_length") or 0)
    found = []
    if len(value) < least:
        said = f"{name} tem {len(value)} caracteres; o mínimo é {least}."
        found.append(error("SBX-ATTR-SHORT", said, field))
    if most and len(value) > most:
        said = f"{name} tem {len(value)} caracteres; o máximo é {most}."
        found.append(error("SBX-ATTR-LONG", said, field))
    allowed = rule.get("allowed") or ()
    if rule["type"] == "boolean":
        if plain(value) not in _TRUTHS:
            found.append(error("SBX-ATTR-VALUE", f"{name} aceita apenas Sim ou Não.", field))
    elif allowed and value.casefold() not in {one.casefold() for one in allowed}:
        few = ", ".join(allowed[:8]) + ("…" if len(allowed) > 8 else "")
        found.append(
            error("SBX-ATTR-VALUE", f"{name} não aceita “{value[:60]}”. Valores aceitos: {few}.", field)
        )
    if rule["type"] in ("number", "measure"):
        found += _check_number(value, rule, field, name)
    return found


def _check_number(value: str, rule: Mapping[str, Any], field: str, name: str) -> list[dict[str, str]]:
    found = []
    text = value
    if rule["type"] == "measure":
        parts = _MEASURE.fullmatch(value)
        text, unit = (parts[1], parts[2].strip()) if parts else (value, "")
        units = rule.get("units") or ()
        if units and unit.casefold() not in {one.casefold() for one in units}:
            said = f"{name} deve trazer o número e a unidade; unidades aceitas: {', '.join(units)}."
            found.append(error("SBX-ATTR-UNIT", said, field))
    if not _NUMBER.fullmatch(text):
        return [*found, error("SBX-ATTR-NUMBER", f"{name} deve ser um número; veio “{value[:60]}”.", field)]
    number = Decimal(text.replace(",", "."))
    least, most = rule.get("minimum"), rule.get("maximum")
    if least is not None and number < Decimal(str(least)):
        found.append(error("SBX-ATTR-RANGE", f"{name} deve ser no mínimo {least}.", field))
    if most is not None and number > Decimal(str(most)):
        found.append(error("SBX-ATTR-RANGE", f"{name} deve ser no máximo {most}.", field))
    return found


def _check_images(images: Sequence[str], schema: Mapping[str, Any]) -> list[dict[str, str]]:
    found = []
    least, most = int(schema.get("images_min") or 0), int(schema.get("images_max") or 0)
    if len(images) < least:
        said = f"Imagens (images): {len(images)} enviadas; o mínimo é {least}."
        found.append(error("SBX-IMAGE-MIN", said, "images"))
    if most and len(images) > most:
        said = f"Imagens (images): {len(images)} enviadas; o máximo é {most}."
        found.append(error("SBX-IMAGE-MAX", said, "images"))
    for place, url in enumerate(images, 1):
        if not is_web_address(url):
            said = f"Imagem {place} (images) não é um endereço http ou https válido."
            found.append(error("SBX-IMAGE-URL", said, "images"))
        elif not _may_be_image(url):
            said = f"Imagem {place} (images) deve ser JPG, PNG ou WebP."
            found.append(error("SBX-IMAGE-TYPE", said, "images"))
    return found


def is_web_address(url: str) -> bool:
    """Say whether this is a well-formed http or https address without spaces."""
    if len(url) > 2000 or re.search(r"[\s<>\"]", url):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme.lower() in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def _may_be_image(url: str) -> bool:
    name = urlsplit(url).path.rsplit("/", 1)[-1].lower()
    ending = re.search(r"\.[a-z][a-z0-9]{1,4}$", name)
    return ending is None or ending[0] in IMAGE_ENDINGS


def _check_dimensions(item: Mapping[str, Any], schema: Mapping[str, Any]) -> list[dict[str, str]]:
    found = []
    names = {"weight_kg": "peso", **SIDES}
    for field, name in names.items():
        value = to_decimal(item.get(field))
        if value is None or value <= 0:
            if schema.get("dimensions_required"):
                said = f"Informe {name} ({field}) maior que zero."
                found.append(error("SBX-DIMENSION-REQUIRED", said, field))
            continue
        most = WEIGHT_CEILING_KG if field == "weight_kg" else SIDE_CEILING_CM
        if value > most:
            said = f"O valor de {name} ({field}) passa do máximo de {most}."
            found.append(error("SBX-DIMENSION-RANGE", said, field))
    return found


def check_price(item: Mapping[str, Any], least: Decimal = Decimal(0)) -> list[dict[str, str]]:
    """Return what is wrong with `price` and `list_price`, of a listing or of a price update."""
    price, list_price = to_decimal(item.get("price")), to_decimal(item.get("list_price"))
    if price is None or price <= 0:
        return [error("SBX-PRICE-REQUIRED", "Preço (price) deve ser maior que zero.", "price")]
    found = []
    if price != round(price, 2) or (list_price is not None and list_price != round(list_price, 2)):
        found.append(error("SBX-PRICE-FORMAT", "Preço (price) aceita no máximo 2 casas decimais.", "price"))
    if price < least:
        said = f"Preço (price) {reais(price)} abaixo do mínimo da categoria, {reais(least)}."
        found.append(error("SBX-PRICE-MIN", said, "price"))
    if price > PRICE_CEILING or price < PRICE_FLOOR:
        said = f"Preço (price) {reais(price)} parece um engano; confira o valor."
        found.append(error("SBX-PRICE-OUTLIER", said, "price"))
    if list_price is not None and list_price < price:
        said = "Preço “de” (list_price) não pode ser menor que o preço por (price)."
        found.append(error("SBX-PRICE-LIST", said, "list_price"))
    return found


def check_cut(price: Decimal, before: Decimal, limit: float) -> list[dict[str, str]]:
    """Return what is wrong with taking a listing on sale from one price to another at once."""
    percent = Decimal(str(limit))
    if not percent or before <= 0 or price >= before * (100 - percent) / 100:
        return []
    said = f"Preço (price) cai de {reais(before)} para {reais(price)}; o máximo por vez é {percent:f}%."
    return [{**error("SBX-PRICE-CUT", said, "price"), "limit": f"{percent:f}"}]


def check_quantity(quantity: Any) -> list[dict[str, str]]:
    if not isinstance(quantity, int) or not 0 <= quantity <= QUANTITY_CEILING:
        said = f"Estoque (quantity) deve ser um inteiro de 0 a {QUANTITY_CEILING}."
        return [error("SBX-QUANTITY-RANGE", said, "quantity")]
    return []
