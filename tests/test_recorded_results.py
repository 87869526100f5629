"""What results/ and README.md show is what the records say: the archives are whole, and reports come out the same."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from checkout import RESULTS, ROOT
from formats_table import formats_lines, paired_formats
from projection_table import projection_lines
from recipe_table import recipe_lines

from suite.cli.main import main
from suite.records.archive import ARCHIVE_NAME
from suite.records.store import Store
from suite.report.statistics.intervals import mean_interval

EXPERIMENTS = sorted(path.parent.name for path in RESULTS.glob(f"*/{ARCHIVE_NAME}"))


def test_the_example_of_the_readme_is_recorded() -> None:
    assert "digits" in EXPERIMENTS


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_run_is_finished_and_its_record_can_be_read(name: str) -> None:
    store = Store(RESULTS, name)
    assert store.broken() == []
    assert {record.status for record in store.records()} == {"done"}
    assert [record.id for record in store.records()] == sorted(store.archive.files())


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_records_come_from_committed_code_and_name_no_private_path(name: str) -> None:
    for record in Store(RESULTS, name).records():
        assert record.environment["clean"] is True, record.id
        text = json.dumps(record.environment)
        assert not any(part in text for part in ("/home/", "/root/", "/work/", "/tmp/")), record.environment


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_committed_tables_and_figures_come_out_the_same(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    shutil.copy(RESULTS / name / ARCHIVE_NAME, tmp_path / name / ARCHIVE_NAME)
    shutil.copytree(RESULTS / "published", tmp_path / "published")  # reports put these numbers beside ours
    assert main(["report", str(tmp_path / name)]) == 0
    committed = RESULTS / name / "report"
    files = sorted(path.relative_to(committed) for path in [*committed.glob("tables/*"), *committed.glob("figures/*")])
    assert any(path.suffix == ".png" for path in files)
    for path in files:
        if path.suffix in (".csv", ".md", ".tex", ".png"):
            assert (tmp_path / name / "report" / path).read_bytes() == (committed / path).read_bytes(), path


class TestHeadline:
    """What results/README.md says of the recorded headline, in words, is what its tables say."""

    TABLES = RESULTS / "headline" / "report" / "tables"

    def test_the_candidate_was_named_and_its_claim_is_development(self) -> None:
        (row,) = pd.read_csv(self.TABLES / "headline.csv").to_dict("records")
        assert (row["method"], row["budget"]) == ("duccio_projected", "weights 27000B + macs 3.42M")
        assert (row["verdict"], row["fits"], row["pairs"]) == ("shown", "5/5", 5)
        assert "- Development: " in (self.TABLES / "headline.md").read_text()
        claim = {"candidate": row["method"], "budget": row["budget"]}
        assert all(record.headline == claim for record in Store(RESULTS, "headline").records())

    def test_the_papers_method_fits_in_no_run(self) -> None:
        runs = pd.read_csv(self.TABLES / "runs.csv")
        assert len(runs) == 50
        assert not runs[runs["method"] == "duccio"]["feasible"].any()

    def test_a_law_without_a_search_cannot_be_told_apart_from_the_candidate(self) -> None:
        pairs = pd.read_csv(self.TABLES / "pairs.csv")
        rows = pairs[(pairs["method"] == "two_budget_scaling") & (pairs["against"] == "duccio_projected")]
        assert len(rows) == 2
        assert (rows["p_holm"] > 0.05).all()


class TestProjections:
    """What results/README.md says of what refill alone is worth."""

    TABLES = RESULTS / "projections" / "report" / "tables"
    TEXT = (RESULTS / "README.md").read_text()

    def test_its_table_is_that_of_the_runs(self) -> None:
        lines = projection_lines(pd.read_csv(self.TABLES / "runs.csv"))
        assert len(lines) == 2 + 2 * 10  # a head and ten methods on two benchmarks
        assert "\n".join(lines) in self.TEXT

    def test_every_method_ran_with_and_without_at_equal_cost(self) -> None:
        runs = pd.read_csv(self.TABLES / "runs.csv")
        assert len(runs) == 2 * 10 * 2 * 3
        assert runs["trainings"].between(2, 3).all()
        assert "- Development: " in (self.TABLES / "main.md").read_text()

    def test_how_far_methods_without_a_projection_are_from_their_limits(self) -> None:
        main_table = pd.read_csv(self.TABLES / "main.csv")
        rows = main_table[main_table["benchmark"] == "visual_wake_words"].set_index("method")["target_percent/weights"]
        shares = [f"{rows[name]:.0f}" for name in ("gp_single", "nsga2", "tpe_single")]
        assert f"({shares[0]} to {shares[2]} % of the weights' limit)" in self.TEXT
        over = [f"{rows[f'{name} (cost_limit=3)'] / 100:.1f}" for name in ("duccio", "unconstrained_dnas")]
        assert f"end at {over[0]} and {over[1]} times the weights' limit" in self.TEXT


class TestRecipes:
    """What results/README.md says of the recipes of `preset=full`."""

    TABLE = pd.read_csv(RESULTS / "recipes" / "report" / "tables" / "convergence.csv")
    TEXT = (RESULTS / "README.md").read_text()

    def row(self, benchmark: str, preset: str, epochs: int) -> dict[str, Any]:
        table = self.TABLE
        chosen = table[(table["benchmark"] == benchmark) & (table["preset"] == preset) & (table["epochs"] == epochs)]
        (row,) = chosen.to_dict("records")
        return row

    def test_its_table_is_that_of_the_report(self) -> None:
        assert "\n".join(recipe_lines(self.TABLE)) in self.TEXT

    def test_anomaly_detection_is_converged_at_an_eighth_and_above_the_paper(self) -> None:
        full, paper = self.row("anomaly_detection", "full", 12), self.row("anomaly_detection", "paper", 100)
        longer = self.row("anomaly_detection", "full (changed)", 24)
        assert (full["converged"], full["shortest"], full["pairs"]) == ("yes", True, 5)
        low, high = (f"{100 * full[f'difference_{end}']:.2f}" for end in ("low", "high"))
        assert f"score {100 * full['difference']:.2f} points [{low}, {high}] above the paper's 100" in self.TEXT
        assert f"(AUC {full['score']:.3f} against {paper['score']:.3f})" in self.TEXT
        assert f"rises with 24 epochs, to {longer['score']:.3f}" in self.TEXT

    def test_keyword_spotting_is_converged_at_an_eighth(self) -> None:
        shorter, full = self.row("keyword_spotting", "full (changed)", 12), self.row("keyword_spotting", "full", 25)
        assert (shorter["converged"], full["converged"], full["pairs"]) == ("yes", "yes", 5)
        assert f"doubling gains {self.gain(full)} on validation. By the rule 12 are too" in self.text()
        assert f"({shorter['gain']:.2f} points)" in self.text()

    def test_cifar_10_is_not_converged_at_an_eighth(self) -> None:
        shorter, full = (
            self.row("image_classification", "full (changed)", 31),
            self.row("image_classification", "full", 62),
        )
        longer = self.row("image_classification", "full (changed)", 124)
        assert (shorter["converged"], full["converged"], full["pairs"]) == ("no", "no", 5)
        gain = 100 * (longer["score"] - full["score"])  # the same five random seeds
        assert f"are not converged: doubling them gains {self.gain(full)} on the 5,000" in self.text()
        assert f"and {gain:.1f} on the test images ({longer['score']:.3f} against {full['score']:.3f})" in self.text()

    def test_cifar_10_was_trained_where_it_says(self) -> None:
        records = [r for r in Store(RESULTS, "recipes").records() if r.benchmark == "image_classification"]
        assert {(r.environment["gpu"], r.environment["dtype"]) for r in records} == {("NVIDIA H200", "fp32")}
        assert "CIFAR-10 one NVIDIA H200, in fp32" in self.TEXT

    def test_visual_wake_words_is_not_converged(self) -> None:
        lengths = ((34, "full (changed)"), (68, "full"), (136, "full (changed)"))
        _, full, longest = (self.row("visual_wake_words", preset, epochs) for epochs, preset in lengths)
        assert "yes" not in {self.row("visual_wake_words", preset, epochs)["converged"] for epochs, preset in lengths}
        assert f"doubling them gains {self.gain(full)} on the 346 validation images" in self.text()
        gain = 100 * (longest["score"] - full["score"])  # the same five random seeds
        assert f"and {gain:.1f} on the test images ({longest['score']:.3f} against {full['score']:.3f})" in self.text()

    def test_visual_wake_words_is_above_the_papers_training_at_its_length(self) -> None:
        half, full = self.row("visual_wake_words", "full (changed)", 34), self.row("visual_wake_words", "full", 68)
        paper = self.row("visual_wake_words", "paper", 70)
        difference, low, high = (100 * full[f"difference{end}"] for end in ("", "_low", "_high"))
        assert (paper["seeds"], low > 0, half["difference_low"] > 0) == (5, True, True)
        assert f"come to {paper['score']:.3f} in their 70 epochs" in self.text()
        assert f"`full` is {difference:.2f} points [{low:.2f}, {high:.2f}] above them" in self.text()
        assert f"half of its epochs above them too ({half['score']:.3f})" in self.text()

    def gain(self, row: dict[str, Any]) -> str:
        return f"{row['gain']:.2f} points [{row['gain_low']:.2f}, {row['gain_high']:.2f}]"

    def text(self) -> str:
        return " ".join(self.TEXT.split())

    def test_what_it_says_of_the_studies(self) -> None:
        trials = {path.parent.name: pd.read_csv(path) for path in (RESULTS / "recipes").glob("*/trials.csv")}
        for name, text in {
            "anomaly_detection": "24 trials with Muon",
            "anomaly_detection_adamw": "30 with AdamW",
            "keyword_spotting": "15 trials",
            "visual_wake_words": "16 trials",
        }.items():
            assert text.split()[0] == str(len(trials[name]))
            assert text in self.TEXT
        muon, adamw = (-trials[f"anomaly_detection{end}"]["score"].max() for end in ("", "_adamw"))
        assert f"an error of {adamw:.2f} where Muon's came to {muon:.2f}" in " ".join(self.TEXT.split())
        masked = trials["keyword_spotting"]["benchmark.presets.full.masking.frames"]
        assert (masked.head(3) == 0).all()


class TestFormats:
    """What results/README.md says of bf16 against fp32."""

    PAIRS = paired_formats(*(pd.read_csv(RESULTS / name / "report/tables/runs.csv") for name in ("formats", "recipes")))
    TEXT = (RESULTS / "README.md").read_text()

    def test_its_table_is_that_of_the_runs(self) -> None:
        assert "\n".join(formats_lines(self.PAIRS)) in self.TEXT

    def test_no_difference_is_beyond_what_random_seeds_do(self) -> None:
        assert self.PAIRS["benchmark"].nunique() == 3
        assert "Every interval holds 0" in self.TEXT
        for _, rows in self.PAIRS.groupby("benchmark"):
            gain = mean_interval(rows["score_fp32"] - rows["score_bf16"])
            assert gain.n >= 3
            assert gain.low < 0 < gain.high


class TestPlainDuccio:
    """What results/README.md says of plain DUCCIO at the paper's two limits."""

    RUNS = pd.read_csv(RESULTS / "campaign_bf16" / "report" / "tables" / "runs.csv")
    DUCCIO = RUNS[RUNS["method"] == "duccio"].sort_values("seed")
    TEXT = " ".join((RESULTS / "README.md").read_text().split())

    def test_no_run_exceeds_a_limit_at_its_last_search_epoch_or_after(self) -> None:
        assert self.DUCCIO["seed"].tolist() == [0, 1, 2, 3, 4]
        assert "exceeds neither at its last search epoch, in five of five random seeds" in self.TEXT
        for kind in ("violation", "search_violation"):
            assert (self.DUCCIO[[f"{kind}/weights", f"{kind}/macs"]] == 0).all(axis=None)

    def test_its_numbers(self) -> None:
        weights, macs = (
            "{:.1f} to {:.1f} %".format(
                *(100 * self.DUCCIO[f"cost/{m}"] / self.DUCCIO[f"target/{m}"]).agg(["min", "max"])
            )
            for m in ("weights", "macs")
        )
        assert f"They use {weights} of the weights' limit and {macs} of the MACs'" in self.TEXT
        score, low, high = self.DUCCIO["score"].agg(["mean", "min", "max"])
        assert f"score {score:.3f} on average ({low:.3f} to {high:.3f})" in self.TEXT
        cost = "{:.2f} to {:.2f}".format(*self.DUCCIO["trainings"].agg(["min", "max"]))
        assert f"cost {cost} standard trainings" in self.TEXT


class TestReadme:
    TEXT = (ROOT / "README.md").read_text()

    def test_what_it_says_that_the_quickstart_prints_is_what_the_report_prints(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "quickstart").mkdir()
        shutil.copy(RESULTS / "digits" / ARCHIVE_NAME, tmp_path / "quickstart" / ARCHIVE_NAME)
        assert main(["report", str(tmp_path / "quickstart")]) == 0
        printed = capsys.readouterr().out.replace(f"{tmp_path}/", "results/")
        (block,) = re.findall(r"^```\n(.*?)^```", self.TEXT, re.MULTILINE | re.DOTALL)
        shown = [line.rstrip() for line in block.splitlines() if line.strip() != "..."]
        assert len(shown) > 8
        assert [line for line in shown if line not in {line.rstrip() for line in printed.splitlines()}] == []

    def test_its_figure_is_there(self) -> None:
        (figure,) = re.findall(r"!\[[^]]*\]\(([^)]+)\)", self.TEXT)
        assert (ROOT / figure).is_file()

    def test_it_is_short(self) -> None:
        lines = self.TEXT.splitlines()
        assert len(lines) <= 120
        assert max(map(len, lines)) <= 140
