"""Shipping in life: two orders the Correios take, one that the carrier picks up."""

from __future__ import annotations

from typing import Any

from hub.api.examples import NOWHERE, Example, missing, said

NO_PLP = said("There is no PLP with the number %(number)s.", number=NOWHERE)
NOT_FOUND = said("Orders not found: %(codes)s.", codes=NOWHERE)
ON_THE_WAY = said("These parcels are on their way already: %(orders)s.", orders="2002")
BAD_OFFSET = said("%(name)s must be a whole number from 1.", name="offset")
ORDER: dict[str, Any] = {"code": "2001", "customer": "Bia Lima", "value": 88.7}
SENDER = {
    "nome": "Loja da Ana",
    "enderecoLogradouro": "Avenida Paulista",
    "enderecoNumero": "1000",
    "enderecoComplemento": "",
    "enderecoBairro": "Bela Vista",
    "enderecoReferencia": "",
    "enderecoCidade": "São Paulo",
    "enderecoUf": "SP",
    "enderecoCep": "01310100",
}
DOCUMENT: dict[str, Any] = {
    "plp": {
        "id": 14,
        "codExterno": "14",
        "dtEnvio": "02/03/2026 10:30:00",
        "tpAgrupamento": "PLP",
        "resumoServicos": [{"codServico": "CORREIOS", "nomeServico": "Correios", "quantidadeAwbs": 1}],
    },
    "docsExternos": [
        {
            "codCliente": 1,
            "docExterno": "2002",
            "dtPrometida": "09/03/2026",
            "dtLimiteExpedicao": "04/03/2026",
            "tpEntrega": "CORREIOS",
            "pesoTotal": 0.7,
            "marca": "Sandbox",
            "qtVolumes": 1,
            "numeroContratoTransp": "",
            "nomeEmbarcador": "Loja da Ana",
            "telefoneEmbarcador": 0,
            "emailEmbarcador": "",
            "tpServico": "CORREIOS",
            "numNotaFiscal": "1002",
            "serieNotaFiscal": "1",
            "megaRota": "",
            "rota": "",
            "telefoneContato": "13999990000",
            "vlEntrega": 88.7,
            "cartaoPostagem": "",
            "servicoAdicional": "",
            "destinatario": {
                "nome": "Bia Lima",
                "enderecoLogradouro": "Rua das Flores",
                "enderecoNumero": "10",
                "enderecoComplemento": "Apto 42",
                "enderecoBairro": "Gonzaga",
                "enderecoReferencia": "Perto do canal 3",
                "enderecoCidade": "Santos",
                "enderecoUf": "SP",
                "enderecoCep": "11060000",
            },
            "remetente": SENDER,
            "awbs": [
                {
                    "codigoAwb": "BR123456789BR",
                    "posicaoVolume": 1,
                    "itens": [{"descricao": "Caneca azul 300 ml", "quantidade": 2, "peso": 0.35}],
                }
            ],
        }
    ],
}

EXAMPLES = {
    "shipments_list": Example(
        answer={
            "plp": [
                {
                    "id": 14,
                    "expiration_date": "2026-03-17",
                    "printed": False,
                    "type": "CORREIOS",
                    "orders": [{**ORDER, "code": "2002"}],
                }
            ]
        },
        errors={400: BAD_OFFSET},
    ),
    "shipments_group": Example(
        bodies={"One order": {"order_remote_codes": ["2001"]}},
        answer={"message": "Plp 14 agrupada com sucesso."},
        errors={
            400: missing("order_remote_codes"),
            404: NOT_FOUND,
            422: said("A list takes orders of one carrier: CORREIOS or DIRECT, not both."),
        },
    ),
    "shipments_ungroup": Example(
        query={"plp_id": "14"},
        answer={"message": "Plp 14 desagrupada com sucesso."},
        errors={400: missing("plp_id"), 404: NO_PLP, 422: ON_THE_WAY},
    ),
    "shipments_ungroup_one": Example(
        path={"code": "2002"},
        answer={"message": "Plp 14 desagrupada com sucesso."},
        errors={404: NO_PLP, 422: ON_THE_WAY},
    ),
    "shipments_to_group": Example(
        query={"offset": "1"},
        answer={"orders": [{**ORDER, "shipping": "CORREIOS"}]},
        errors={400: BAD_OFFSET},
    ),
    "shipments_collectables": Example(
        query={"requested": "false"},
        answer={"orders": [{**ORDER, "code": "2003"}]},
        errors={400: BAD_OFFSET},
    ),
    "shipments_confirm_collection": Example(
        bodies={"One order": {"order_codes": ["2003"]}},
        answer={"message": "A coleta foi solicitada."},
        errors={
            400: missing("order_codes"),
            404: NOT_FOUND,
            422: said("Only orders in a list of type DIRECT are picked up: %(orders)s.", orders="2002"),
        },
    ),
    "shipments_view": Example(
        query={"plp_id": "14"},
        answer=DOCUMENT,
        errors={
            400: missing("plp_id"),
            404: NO_PLP,
            422: said(
                "Labels of the type DIRECT exist once the order is invoiced: %(orders)s.", orders="2003"
            ),
        },
    ),
    "orders_shipment_labels": Example(
        path={"code": "Sandbox-2002"},
        answer=DOCUMENT,
        errors={
            404: said("Order %(code)s was not found.", code=NOWHERE),
            422: said(
                "Order %(code)s is shipped by the seller, not by the marketplace's carrier.",
                code="Sandbox-1001",
            ),
        },
    ),
}
