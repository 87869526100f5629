"""The text of a report's page, and experiments to make one of."""

import json
import re
from pathlib import Path
from typing import Any

from synthetic import make_record

from suite.records.record import RunRecord
from suite.records.store import Store
from suite.report.grouping import report_frame
from suite.report.page.page import render_page


def page_of(records: list[RunRecord], store: Store | None = None) -> str:
    return render_page(records, report_frame(records), [], [], store or Store(Path("no_such_folder"), "example"))


def pair(**changes: Any) -> list[RunRecord]:
    """Two runs that differ in their seed: a single one has a page of another kind."""
    return [make_record(seed=seed, **changes) for seed in (0, 1)]


def data_of(page: str) -> dict[str, Any]:
    """What the page's script is given."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def fill(root: Path, records: list[RunRecord]) -> Store:
    store = Store(root, "example")
    for record in records:
        store.write(record)
    return store
