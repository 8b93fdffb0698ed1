"""The demo agent's tools; each really reads and writes files in the agent's folder.

A tool gives what it tells the model and what it changes in the agent's state.
"""

import csv
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

Answer = tuple[str, dict[str, Any]]
Tool = Callable[..., Answer]


class InvoiceRejected(Exception):
    """An invoice that the contract does not allow."""


def read_config(workdir: Path, path: str) -> Answer:
    """The contract: what a kWh costs, and how large an invoice may be."""
    config = json.loads((workdir / path).read_text())
    limit = config["invoice_limit_eur"]
    budget = {"limit_eur": limit, "planned_eur": 0.0, "left_eur": limit}
    tariff = {key: config[key] for key in ("customer", "period", "eur_per_kwh")}
    return json.dumps(config), {"tariff": tariff, "budget": budget}


def read_meter(workdir: Path, meter: str, path: str) -> Answer:
    """The sum of a meter's file, in the unit that its header names."""
    with (workdir / path).open(newline="") as file:
        rows = csv.DictReader(file)
        column = (rows.fieldnames or [""])[-1]
        values = [float(row[column]) for row in rows]
    reading = {
        "value": round(sum(values), 1),
        "unit": {"energy_kwh": "kWh", "energy_wh": "Wh"}[column],
        "days": len(values),
        "file": path,
    }
    return json.dumps({"meter": meter, **reading}), {"readings": {meter: reading}}


def store_usage(workdir: Path, usage: Mapping[str, float]) -> Answer:
    """Keep the usage of each meter, in kWh, for what is billed later."""
    stored = {meter: {"kwh": kwh} for meter, kwh in usage.items()}
    (workdir / "usage.json").write_text(json.dumps(stored, indent=2))
    return f"stored {len(stored)} meters in usage.json", {"usage": stored}


def compute_costs(workdir: Path) -> Answer:
    """What the stored usage costs, and what that leaves of the limit."""
    config = json.loads((workdir / "config.json").read_text())
    usage = json.loads((workdir / "usage.json").read_text())
    costs = {
        meter: {"kwh": used["kwh"], "eur": round(used["kwh"] * config["eur_per_kwh"], 2)}
        for meter, used in usage.items()
    }
    (workdir / "costs.json").write_text(json.dumps(costs, indent=2))
    planned = round(sum(cost["eur"] for cost in costs.values()), 2)
    limit = config["invoice_limit_eur"]
    left = round(limit - planned, 2)
    budget = {"limit_eur": limit, "planned_eur": planned, "left_eur": left}
    return f"computed {len(costs)} costs into costs.json", {"costs": costs, "budget": budget}


def issue_invoice(workdir: Path, number: str) -> Answer:
    """Write the invoice, if the contract allows it; InvoiceRejected if not."""
    config = json.loads((workdir / "config.json").read_text())
    costs = json.loads((workdir / "costs.json").read_text())
    total = sum(cost["eur"] for cost in costs.values())
    limit = config["invoice_limit_eur"]
    if total > limit:
        largest = max(costs, key=lambda meter: costs[meter]["eur"])
        raise InvoiceRejected(
            f"invoice {number} is {total:,.2f} EUR, over the contract's limit of {limit:,.2f} EUR; "
            f"the largest part is {costs[largest]['eur']:,.2f} EUR for the meter {largest}"
        )
    (workdir / f"invoice-{number}.json").write_text(json.dumps({"total_eur": total}))
    return f"issued invoice {number}", {}


TOOLS: Final[Mapping[str, Tool]] = {
    "read_config": read_config,
    "read_meter": read_meter,
    "store_usage": store_usage,
    "compute_costs": compute_costs,
    "issue_invoice": issue_invoice,
}
