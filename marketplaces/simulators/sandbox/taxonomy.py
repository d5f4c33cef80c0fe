"""The marketplace's category tree and what each category demands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SHIPPED = Path(__file__).with_name("taxonomy.json")


class Taxonomy:
    """Categories by id; only a leaf has a schema and can be sold in."""

    def __init__(self, path: Path = SHIPPED) -> None:
        self._nodes: dict[str, dict[str, Any]] = {
            node["id"]: node for node in json.loads(path.read_text("utf-8"))["categories"]
        }
        self.tree = [
            {"id": node["id"], "name": node["name"], "parent_id": node.get("parent_id"), "leaf": node["leaf"]}
            for node in self._nodes.values()
        ]

    def node(self, category_id: str) -> dict[str, Any] | None:
        return self._nodes.get(category_id)

    def schema(self, category_id: str) -> dict[str, Any] | None:
        """Return what a leaf demands; None for a parent or an unknown id."""
        node = self._nodes.get(category_id)
        return node.get("schema") if node and node["leaf"] else None
