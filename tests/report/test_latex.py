"""The LaTeX tables in a document, compiled by pdflatex."""

import shutil
import subprocess
from pathlib import Path

import pytest
from synthetic import make_failure, make_record, make_records

from suite.records.store import Store
from suite.report.grouping import report_frame
from suite.report.tables.contents import build_tables
from suite.report.tables.markup import to_latex
from suite.report.tables.notes import paper_notes, table_notes
from suite.report.tables.paper import to_paper_latex
from suite.report.tables.published_comparison import load_published_numbers
from suite.report.tables.text import describe_setting, shared_setting

RESULTS = Path(__file__).parents[2] / "results"
DOCUMENT = r"""\documentclass{article}
\usepackage{booktabs}
\begin{document}
%s
\end{document}
"""


def has_pdflatex() -> bool:
    if shutil.which("pdflatex") is None or shutil.which("kpsewhich") is None:
        return False
    return subprocess.run(["kpsewhich", "booktabs.sty"], capture_output=True).returncode == 0


@pytest.mark.skipif(not has_pdflatex(), reason="no pdflatex with booktabs (Debian: texlive-latex-recommended)")
def test_a_document_with_every_table_compiles(tmp_path: Path) -> None:
    records = [
        *make_records(benchmarks=("digits", "keyword_spotting")),
        make_record(variant={"projection": "refill"}),
        make_record(seed=7, scores={"test": 0.8, "test/pauc": 0.7}),
        make_failure("[cut] 50 % & #1 $x_2^3$ {a} ~ \\n <b> \u65e5 \x1b[0m \u2192 \u2026", method="tpe"),
    ]
    tables = build_tables(
        report_frame(records).assign(chance=0.1), Store(tmp_path, "none"), load_published_numbers(RESULTS)
    )
    expected = "main ablation pairs pooled scores published failures"
    assert set(expected.split()) <= set(tables)
    parts = [
        to_latex(text, describe_setting(shared_setting(raw)), table_notes(name, raw))
        for name, (raw, text) in tables.items()
    ]
    parts[0] += to_paper_latex(tables["main"].raw, "", paper_notes(tables["main"].raw))
    (tmp_path / "report.tex").write_text(DOCUMENT % "\n\\newpage\n".join(parts), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "report.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
    assert f"Output written on report.pdf ({len(tables)} pages" in done.stdout
