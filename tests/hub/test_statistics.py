"""The planner learns of a big change at once, and is left alone otherwise."""

from __future__ import annotations

import pytest
from django.db import connection

from catalog.models import Category
from hub import statistics
from tests import make


@pytest.mark.django_db(transaction=True)
def test_a_table_that_changed_much_is_analyzed_once() -> None:
    seller = make.make_seller()
    many = range(statistics.MANY + 500)
    Category.objects.bulk_create([Category(seller=seller, code=str(n), name=str(n)) for n in many])
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
    assert statistics.refresh("catalog_category", "catalog_attribute") == ["catalog_category"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
    assert statistics.refresh("catalog_category", "catalog_attribute") == []
