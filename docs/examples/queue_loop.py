"""Take orders from the hub, keep them, say so. Standard library only; copy it and replace `keep`.

    HUB_URL=http://127.0.0.1:8000 HUB_EMAIL=... HUB_KEY=... python3 queue_loop.py

Run as many as you like beside each other: no order is handed to two of them.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.request

URL = os.environ["HUB_URL"].rstrip("/")
HEADERS = {
    "X-User-Email": os.environ["HUB_EMAIL"],
    "X-Api-Key": os.environ["HUB_KEY"],
    "Content-Type": "application/json",
}
TAKEN_AT_ONCE = 50
PAUSE_SECONDS = 5


def call(path: str, body: dict) -> dict:
    """POST a call; waits and repeats while the hub is busy, away, or finds it one too many."""
    while True:
        asked = urllib.request.Request(URL + path, json.dumps(body).encode(), HEADERS, method="POST")
        try:
            with urllib.request.urlopen(asked, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code != 429 and error.code < 500:
                raise SystemExit(f"{path}: {error.code} {error.read().decode()}") from None
            time.sleep(float(error.headers.get("Retry-After") or 5))
        except urllib.error.URLError:
            time.sleep(5)


def keep(order: dict) -> None:
    """Write the order where your ERP looks: create it, or update it by its code. You may see it again."""
    status = order["status"]["type"]  # NEW: reserve stock; APPROVED: invoice; CANCELED: give it back
    print(order["code"], status, order["total_ordered"], flush=True)


def round_trip() -> int:
    """Take what waits, keep it, acknowledge what was kept and report what could not be; says how many."""
    leased = call("/queues/orders/lease", {"limit": TAKEN_AT_ONCE, "hide_seconds": 600})
    kept, failed = [], []
    for order in leased["orders"]:
        item = {"code": order["code"], "receipt": leased["receipts"][order["code"]]}
        try:
            keep(order)
        except Exception as error:  # one bad order must not stop the others
            failed.append({**item, "reason": f"{type(error).__name__}: {error}"[:1000]})
        else:
            kept.append(item)
    if kept:
        call("/queues/orders/acknowledge", {"items": kept})
    if failed:
        call("/queues/orders/failures", {"failures": failed})
    return len(leased["orders"])


if __name__ == "__main__":
    once = "--once" in sys.argv
    while (found := round_trip()) or not once:
        if not found:
            time.sleep(PAUSE_SECONDS)
