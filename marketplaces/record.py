"""What one slice of a lane said to the marketplace: kept for people, told to the log, by SKU and by cause."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from hub.texts import storable
from marketplaces import contract
from marketplaces.models import Exchange, Lane

log = logging.getLogger("marketplaces.conversations")


@dataclass
class Record:
    """The conversations of one slice, in the order they ended."""

    lane: Lane
    exchanges: list[Exchange] = field(default_factory=list)
    causes: Mapping[str, str] = field(default_factory=dict)
    """The ERP's calls behind the batch in hand, by SKU."""
    skus: Sequence[str] = ()
    """What the call being made is about."""

    def hear(self, one: contract.Exchange) -> None:
        """Take one conversation; adapters report each as it ends."""
        connection = self.lane.connection
        exchange = Exchange(
            seller_id=connection.seller_id,
            connection_id=connection.pk,
            lane=self.lane.kind,
            method=one.method,
            url=one.url,
            status=one.status,
            started_at=one.started_at,
            milliseconds=int(one.seconds * 1000),
            request_body=storable(one.request_body),
            response_body=storable(one.response_body),
            error=one.error,
            skus=list(self.skus),
            causes=self._causes_of(self.skus),
        )
        self.exchanges.append(exchange)
        log.info(
            "marketplace answered" if one.status else "no answer",
            extra={
                "marketplace": connection.marketplace_id,
                "connection": connection.pk,
                "seller": connection.seller_id,
                "lane": self.lane.kind,
                "method": one.method,
                "url": one.url,
                "status": one.status,
                "milliseconds": exchange.milliseconds,
                "items": len(exchange.skus),
                "causes": exchange.causes,
            },
        )

    def last_was_about(self, causes: Mapping[str, str]) -> None:
        """Say, now that it is known, what the newest conversation was about: the SKUs, with their causes."""
        if self.exchanges:
            self.causes = causes
            self.exchanges[-1].skus = list(causes)
            self.exchanges[-1].causes = self._causes_of(causes)

    def save(self) -> None:
        """Keep them all."""
        Exchange.objects.bulk_create(self.exchanges, batch_size=500)

    def _causes_of(self, skus: Iterable[str]) -> list[str]:
        return list(dict.fromkeys(cause for sku in skus if (cause := self.causes.get(sku))))
