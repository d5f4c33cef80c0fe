"""Lane "orders": read the marketplace's order feed and take every order in."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import OperationalError
from django.db.models import Max
from django.utils import timezone

from marketplaces.contract import OrderSource, Refused, RemoteOrder, UnexpectedAnswer
from marketplaces.engine import Turn
from marketplaces.models import Connection
from orders import services
from orders.models import Order
from orders.storable import Unstorable

logger = logging.getLogger(__name__)
BEGINNING = ""
"""The bookmark of a feed nothing was read of yet."""
NOTHING_TO_READ = timedelta(days=1)
"""How long to leave a marketplace alone that has no orders to give."""


def take_orders(turn: Turn) -> timedelta:
    """Read pages from the bookmark on; each is taken in before the bookmark moves.

    A crash between the two repeats a page, which is harmless. So is reading all of it again, where the
    marketplace will have no more of the bookmark (too old, or from before it moved its records). Where it
    refuses one it gave out since, in the same run, the lane fails: it would be read in a circle.
    """
    source = turn.adapter
    if not isinstance(source, OrderSource):
        return NOTHING_TO_READ
    cursor = turn.lane.cursor
    began_again = False
    while True:
        asked_at = timezone.now()
        try:
            page = turn.call(lambda at=cursor: source.fetch_orders(at))  # type: ignore[misc]
        except Refused as refusal:
            if not cursor or began_again:
                raise
            began_again = True
            page = turn.call(lambda: source.fetch_orders(BEGINNING))
            logger.warning(
                "connection %s: the order feed will not go on from %r and is read from its beginning: %s",
                turn.connection.pk,
                cursor,
                refusal,
            )
            cursor = BEGINNING
        if page.has_more and page.cursor == cursor:
            raise UnexpectedAnswer("the order feed promises more, but its cursor stands still")
        take_page(turn.connection, page.orders)
        for odd in page.unreadable:
            services.keep_raw(turn.connection, odd.remote_id, odd.raw, odd.problem)
        if page.cursor != cursor and not turn.save_cursor(page.cursor):
            return timedelta(0)
        cursor = page.cursor
        if not page.has_more:
            turn.note_caught_up(asked_at)
            return timedelta(seconds=settings.HUB_ORDERS_POLL_SECONDS)
        if not turn.has_time():
            return timedelta(0)


def take_page(connection: Connection, remotes: Sequence[RemoteOrder]) -> None:
    """Take a page in; where it cannot be taken as a whole, one by one, so that one odd order stops nobody."""
    try:
        services.import_orders(connection, remotes)
        return
    except OperationalError:
        raise
    except Unstorable as error:
        logger.warning("connection %s: a page of orders is taken one by one: %s", connection.pk, error)
    except Exception:
        logger.exception("connection %s: a page of orders is taken one by one", connection.pk)
    for remote in remotes:
        try:
            services.import_orders(connection, [remote])
        except OperationalError:
            raise
        except Unstorable as error:
            services.keep_raw(connection, remote.remote_id, remote.raw, str(error))
        except Exception as error:
            logger.exception("connection %s: order %r is kept as it came", connection.pk, remote.remote_id)
            # Where the database itself fails this raises: the bookmark stays, and the lane shows it to staff.
            services.keep_raw(connection, remote.remote_id, remote.raw, type(error).__name__)


def last_unread(connection_id: int) -> datetime | None:
    """Tell when an account's newest order that is still unread came in, or changed."""
    unread = Order.objects.unread().filter(connection_id=connection_id)
    newest: datetime | None = unread.aggregate(newest=Max("updated_at"))["newest"]
    return newest
