"""`make chaos`: the whole product under fire, then everybody's books compared.

Web, dispatcher, workers, simulator and PostgreSQL run as `manage.py run` starts them. While the ERP, the
seller and shoppers work, processes are killed with SIGKILL and the network is cut: between the ERP (and the
marketplace's webhooks) and the web, between the hub and the marketplace, between the hub and its database.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.processes import Product, running
from tests.scenarios import compare
from tests.scenarios.clients import Changes, Erp, Seller, Shoppers
from tests.scenarios.compare import Findings
from tests.scenarios.faults import BUSY, TARGETS, Cutter, Killer, Watch
from tests.scenarios.journey import Journey, alongside
from tests.wires import CUTS, Wire

QUEUE_HIDE_SECONDS = 5
"""An order whose GET was answered to nobody is offered again after this."""
CONVERGENCE_SECONDS = 240
"""For each of the steps at the end. Stuck workers are noticed after 45 s: a lost task is asked for again
after 15 s and may wait 30 s for them. A lane whose worker died is free after 30 s; one that found nobody
rests a little longer each time. The ERP has to catch up with what it could not take, invoice and ship."""
TELL_SECONDS = 30.0
KEPT_OFF = 5
"""Listings still off sale in the end."""


@dataclass(frozen=True)
class Plan:
    """How much goes wrong, and how fast."""

    kills: int
    cuts: int
    seed: int
    kill_gaps: tuple[float, float] = (0.6, 3.2)
    """Seconds between two kills, at least and at most."""
    cut_gaps: tuple[float, float] = (2.0, 7.0)
    early: int = 5
    """Kills before the first listings are on sale, and half as many cuts."""
    shoppers_pause: float = 2.0
    """Seconds between two orders, on the average: one ERP on a busy machine must keep up with them."""
    bursts: float = 0.1
    """The share of kills that follow the one before at once."""


@dataclass
class Report:
    """What happened, and what was found."""

    plan: Plan
    killer: Killer
    cutter: Cutter
    watch: Watch
    findings: Findings = field(default_factory=Findings)
    facts: dict[str, str] = field(default_factory=dict)

    def failures(self) -> list[str]:
        """Everything that is not as it should be."""
        kinds = {kind for _wire, kind in self.cutter.plan}
        never = set(TARGETS) - {kill.role for kill in self.killer.done}
        found = [f"{role}: was not back" for role in self.watch.missing()]
        found += [f"{role}: was never killed" for role in sorted(never)]
        found += [
            f"no wire was ever: {kind}" for kind in kinds - {cut.kind for _wire, cut in self.cutter.done}
        ]
        return found + self.findings.differences


def run(plan: Plan) -> Report:
    """Live through a plan and compare; what did not come about in time is a difference, too."""
    with connected(plan) as (product, wires):
        journey = Journey(product, "Loja Resistente")
        killer = Killer(
            product,
            plan.seed,
            kills=plan.kills,
            early=plan.early,
            gaps=plan.kill_gaps,
            bursts=plan.bursts,
        )
        killer.prepare[BUSY] = lambda: journey.slow_down(3)
        cutter = Cutter(
            wires,
            plan.seed,
            cuts=plan.cuts,
            early=plan.early // 2,
            gaps=plan.cut_gaps,
            pace_maker=killer.pace_maker,
        )
        watch = Watch(product, killer)
        report = Report(plan, killer, cutter, watch)
        erp, seller = Erp(journey), Seller(journey, plan.seed)
        shoppers = Shoppers(journey, plan.seed, pause=plan.shoppers_pause, gives_up=0.05)
        changes = Changes(journey, shoppers, plan.seed)
        journey.let_content_follow()
        with alongside(killer, cutter, watch, erp, shoppers):
            try:
                _live(journey, killer, cutter, [changes, seller], report)
                shoppers.stop()
                _converge(journey, changes, seller, erp, report)
            except AssertionError as failure:
                report.findings.differences.append(str(failure))
            watch.stop()
            report.findings.differences += [f"the ERP was told: {one}" for one in erp.trouble]
            found = compare.everything(journey, erp, seller)
            report.findings.compared += found.compared
            report.findings.differences += found.differences
        for helper in (erp, shoppers, changes, seller, killer, cutter, watch):
            report.findings.check(
                "helpers", helper.failure is None, f"{helper.name} failed: {helper.failure!r}"
            )
        connected_now = journey.states().get("connected", 0)
        report.findings.check("on sale", connected_now > 400, f"only {connected_now} listings are on sale")
        report.facts |= {
            "rounds of new prices and quantities": str(changes.rounds),
            "loads after the first": ", ".join(f"{n} {what}" for what, n in seller.loads.items()),
            "orders": f"{len(list(journey.market.orders(journey.account)))}, {len(erp.too_late)} of them"
            f" canceled before the invoice; {shoppers.unanswered} purchases unanswered or refused",
        }
        return report


@contextmanager
def connected(plan: Plan) -> Iterator[tuple[Product, list[Wire]]]:
    """A running product with a wire to each of the three places the network leads to."""
    wires: list[Wire] = []

    def lay(product: Product) -> None:
        wires.extend(
            (
                Wire("web", lambda: ("127.0.0.1", product.port)),
                Wire("marketplace", lambda: ("127.0.0.1", product.sandbox_port)),
                Wire("database", lambda: product.database_socket),
            )
        )
        web, _marketplace, database = wires
        product.environment |= {
            "HUB_BASE_URL": web.url,
            "HUB_ALLOW_PRIVATE_ADDRESSES": "on",
            "HUB_DATABASE_WIRE": str(database.port),
        }

    settings = {"HUB_QUEUE_HIDE_SECONDS": str(QUEUE_HIDE_SECONDS), "HUB_RATE_LIMITS": "off"}
    try:
        with running(settings, before=lay) as product:
            web, marketplace, _database = wires
            product.url, product.called_port = web.url, marketplace.port
            product.shell(
                "from marketplaces.models import Marketplace\n"
                f"Marketplace.objects.filter(pk='sandbox').update(base_url={marketplace.url!r})"
            )
            yield product, wires
            for wire in wires:
                wire.mend()
            keep = os.environ.get("HUB_CHAOS_LOG")
            if keep:
                Path(keep).write_text(product.log(), encoding="utf-8")
    finally:
        for wire in wires:
            wire.close()


def _live(
    journey: Journey, killer: Killer, cutter: Cutter, workers: Sequence[Changes | Seller], report: Report
) -> None:
    """From the first product to the last fault."""
    journey.push_catalogue()
    there = journey.push_specials()
    journey.map_categories()
    journey.connect_all(but=there)
    journey.associate(there)
    journey.wait_until(
        lambda: journey.states().get("connected"), CONVERGENCE_SECONDS, "the first listings on sale"
    )
    killer.pace_maker.set()
    began = told = time.monotonic()
    with alongside(*workers):
        while killer.is_alive() or cutter.is_alive():
            time.sleep(0.2)
            if time.monotonic() > told + TELL_SECONDS:
                told = time.monotonic()
                kills, cuts = len(killer.done), len(cutter.done)
                print(f"{told - began:6.0f} s: {kills} kills, {cuts} cuts, {journey.states()}", flush=True)
        for one in workers:
            one.stop()


def _converge(journey: Journey, changes: Changes, seller: Seller, erp: Erp, report: Report) -> None:
    """Wait until everything has come to rest after the last fault; bounded."""
    began = time.monotonic()

    def wait(holds: compare.Condition, what: str) -> None:
        """What does not come about is told, and the comparison says more."""
        try:
            journey.wait_until(holds, CONVERGENCE_SECONDS, what)
        except AssertionError as failure:
            report.findings.differences.append(str(failure))

    if not seller.has_corrected:
        wait(lambda: not journey.moving(), "the first load's end")
        seller.correct()
    back = sorted(seller.off)[KEPT_OFF:]
    if back:
        journey.start_load("reconnect", back)
        seller.off -= set(back)
    wait(lambda: not journey.unfinished_orders(), "every order shipped or canceled")
    wait(lambda: not journey.in_the_queue(), "every order acknowledged")
    report.facts["the ERP caught up"] = f"{time.monotonic() - began:.1f} s after the last fault"
    changes.last_word()
    wait(lambda: not compare.waiting(journey), "nothing on its way")
    report.facts["converged"] = f"{time.monotonic() - began:.1f} s after the last fault"


# --- telling -----------------------------------------------------------------------------------


def table(report: Report) -> str:
    """The faults survived, what was compared, and what was found."""
    done, cuts = report.killer.done, report.cutter.done
    rows: list[tuple[str, str, str, str]] = [("fault", "where", "times", "longest until whole again")]
    kills: defaultdict[str, list[float | None]] = defaultdict(list)
    for kill in done:
        kills[kill.role].append(kill.recovered)
    for role in TARGETS:
        rows.append(("kill -9", role, str(len(kills[role])), _longest(kills[role])))
    rows.append(("", "all kills", str(len(done)), ""))
    met: Counter[tuple[str, str]] = Counter()
    times: defaultdict[tuple[str, str], list[float | None]] = defaultdict(list)
    for wire, cut in cuts:
        met[cut.kind, wire.name] += cut.hurt
        times[cut.kind, wire.name].append(cut.recovered)
    for kind in CUTS:
        for where in ("web", "marketplace", "database"):
            found = times[kind, where]
            if found:
                count = f"{len(found)} ({met[kind, where]} conversations)"
                rows.append((f"network: {kind}", where, count, _longest(found)))
    rows.append(("", "all cuts", f"{len(cuts)} ({sum(met.values())} conversations)", ""))
    widths = [max(len(row[place]) for row in rows) for place in range(4)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    compared = report.findings.compared
    lines += ["", f"compared: {sum(compared.values())} items"]
    lines += [f"  {count:>7}  {what}" for what, count in sorted(compared.items())]
    lines += ["", *(f"{what}: {fact}" for what, fact in report.facts.items())]
    lines += [f"seed: {report.plan.seed}", f"differences: {len(report.failures())}"]
    return "\n".join(line.rstrip() for line in lines)


def _longest(found: Sequence[float | None]) -> str:
    known = [one for one in found if one is not None]
    longest = f"{max(known):.1f} s" if known else ""
    return f"{longest} ({found.count(None)} not seen)".strip() if None in found else longest


def story(report: Report) -> str:
    """Every fault with its moment."""
    return "\n".join([*report.killer.story, *report.cutter.story])


def main() -> int:
    """Run the whole form and print its table; 1 where anything differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--cuts", type=int, default=0, help="default: one to four kills")
    parser.add_argument("--seed", type=int, default=0, help="default: a new one, which is printed")
    given = parser.parse_args()
    seed = given.seed or random.randrange(1, 10**6)
    plan = Plan(
        given.kills, given.cuts or max(len(CUTS), given.kills // 4), seed, early=max(5, given.kills // 20)
    )
    print(f"seed={plan.seed} kills={plan.kills} cuts={plan.cuts}", flush=True)
    began = time.monotonic()
    report = run(plan)
    failures = report.failures()
    if failures:
        print(story(report))
    print(table(report))
    print(f"took: {(time.monotonic() - began) / 60:.1f} min")
    if failures:
        print("\nDIFFERENCES\n" + Findings(differences=failures).told())
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
