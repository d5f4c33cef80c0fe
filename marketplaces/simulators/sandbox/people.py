"""Made-up shoppers: names, documents with right check digits, addresses. The same seed, the same person."""

from __future__ import annotations

import random
from typing import Any

from marketplaces.simulators.sandbox.words import plain

_FIRST = (
    "Ana Beatriz", "João Pedro", "Maria Clara", "José", "Antônia", "Luís", "Conceição", "Caio", "Iara",
    "Márcio", "Letícia", "Thaís", "Davi", "Heloísa", "Otávio", "Zélia", "Benício", "Raíssa", "Ícaro",
)  # fmt: skip
_LAST = (
    "da Silva", "Souza", "Gonçalves", "D’Ávila", "Araújo", "Nascimento", "Conceição", "Magalhães", "Brandão",
    "dos Santos", "Müller", "Simões", "Falcão", "Assunção", "Peçanha", "Guimarães", "Prado", "Lins",
)  # fmt: skip
_STREETS = (
    "Rua das Acácias", "Avenida Brasil", "Rua XV de Novembro", "Travessa São João", "Alameda dos Ipês",
    "Rua Sete de Setembro", "Avenida Getúlio Vargas", "Praça da Sé", "Rua Padre Anchieta", "Estrada do Coco",
)  # fmt: skip
# (city, state, area code, first postcode prefix, a neighbourhood)
_CITIES = (
    ("São Paulo", "SP", "11", "01310", "Bela Vista"),
    ("Rio de Janeiro", "RJ", "21", "22041", "Copacabana"),
    ("Belo Horizonte", "MG", "31", "30130", "Funcionários"),
    ("Porto Alegre", "RS", "51", "90010", "Centro Histórico"),
    ("Salvador", "BA", "71", "40140", "Barra"),
    ("Recife", "PE", "81", "51020", "Boa Viagem"),
    ("Fortaleza", "CE", "85", "60165", "Meireles"),
    ("Curitiba", "PR", "41", "80420", "Batel"),
    ("Florianópolis", "SC", "48", "88015", "Centro"),
    ("Goiânia", "GO", "62", "74120", "Setor Oeste"),
    ("Manaus", "AM", "92", "69050", "Chapada"),
    ("Belém", "PA", "91", "66035", "Nazaré"),
)
_COMPLEMENTS = ("", "", "apto 12", "bloco B, apto 304", "casa 2", "fundos")


def cpf(dice: random.Random) -> str:
    """Return a CPF number with both check digits right."""
    digits = [dice.randrange(10) for _ in range(9)]
    for _ in range(2):
        weight = len(digits) + 1
        rest = sum(digit * (weight - place) for place, digit in enumerate(digits)) % 11
        digits.append(0 if rest < 2 else 11 - rest)
    return "".join(map(str, digits))


def customer(dice: random.Random) -> dict[str, Any]:
    """Return a shopper with the address to send to."""
    name = f"{dice.choice(_FIRST)} {dice.choice(_LAST)}"
    city, state, area, prefix, neighborhood = dice.choice(_CITIES)
    phone = f"{area}9{dice.randrange(10**8):08d}"
    address = {
        "recipient": name,
        "street": dice.choice(_STREETS),
        "number": str(dice.randrange(1, 3000)),
        "complement": dice.choice(_COMPLEMENTS),
        "reference": "",
        "neighborhood": neighborhood,
        "city": city,
        "state": state,
        "zip": f"{prefix}{dice.randrange(1000):03d}",
        "country": "BR",
        "phone": phone,
    }
    year, month, day = dice.randrange(1950, 2006), dice.randrange(1, 13), dice.randrange(1, 29)
    return {
        "name": name,
        "email": f"{plain(name).replace(' ', '.')}@exemplo.com.br",
        "document": cpf(dice),
        "phones": [phone],
        "birth_date": f"{year}-{month:02d}-{day:02d}",
        "gender": dice.choice(("female", "male", "")),
        "address": address,
    }
