"""What others published, as the repository has it, and the table that puts ours beside it."""

import csv
import math
from dataclasses import replace
from pathlib import Path

import pytest
from synthetic import make_failure, make_record

from suite import SuiteError
from suite.hardware.costs import HardwareModel
from suite.hardware.layers import Layer, LayerTable
from suite.hardware.trace import trace
from suite.models.mobilenet_v1 import MobileNetV1
from suite.models.resnet8 import ResNet8
from suite.records.record import RunRecord
from suite.records.store import Store
from suite.report.grouping import report_frame
from suite.report.page.page import render_page
from suite.report.tables.markup import to_latex, to_markdown
from suite.report.tables.published_comparison import (
    UNITS,
    PublishedNumber,
    comparison_footnotes,
    format_published_comparison,
    load_published_numbers,
    published_comparison,
)

FOLDER = Path(__file__).parents[2] / "results" / "published"
BENCHMARKS = {
    "image_classification": 0.85,
    "keyword_spotting": 0.90,
    "visual_wake_words": 0.80,
    "anomaly_detection": 0.85,
    "tiny_imagenet": None,
}
RECIPE = {"epochs": 8, "search_epochs": None, "finetune_epochs": 20, "train_samples": 10_000, "eval_samples": None}
HEAD = "benchmark,item,metric,value,low,high,unit,data,source,reliability,note\n"


@pytest.fixture(scope="module")
def published() -> list[PublishedNumber]:
    return load_published_numbers(FOLDER.parent)


def one(published: list[PublishedNumber], benchmark: str, item: str, metric: str, **more: str) -> PublishedNumber:
    (found,) = (
        p
        for p in published
        if (p.benchmark, p.item, p.metric) == (benchmark, item, metric)
        and all(getattr(p, k).startswith(v) for k, v in more.items())
    )
    return found


def ours(benchmark: str = "image_classification", **changes: object) -> RunRecord:
    record = make_record(benchmark=benchmark, **changes)  # type: ignore[arg-type]
    return replace(record, config={**record.config, "recipe": RECIPE})


class TestFiles:
    @pytest.mark.parametrize("path", sorted(FOLDER.glob("*.csv")), ids=lambda path: path.stem)
    def test_every_row_has_a_source_a_unit_and_a_reliability(self, path: Path) -> None:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert rows
        for row in rows:
            assert None not in row, row
            assert row["source"].strip(), row
            assert row["reliability"] in ("primary", "secondary", "calculated", "measured"), row
            assert row["item"].strip(), row
            assert row["metric"].strip(), row
            assert row["unit"] in UNITS, row
            assert row["benchmark"] in {*BENCHMARKS, ""}, row
            assert bool(row["value"]) != bool(row["low"] or row["high"]), row

    def test_no_number_is_given_twice(self, published: list[PublishedNumber]) -> None:
        keys = [(p.benchmark, p.item, p.metric, p.source, p.data) for p in published]
        assert len(keys) == len(set(keys))

    def test_shares_are_fractions_and_ranges_are_in_order(self, published: list[PublishedNumber]) -> None:
        for p in published:
            for value in (p.value, p.low, p.high):
                assert math.isnan(value) or value > 0, p
                assert p.unit or p.metric.endswith(("factor", "range")) or not value > 1, p
            assert not p.low >= p.high, p

    @pytest.mark.parametrize(
        ("task", "item", "metric", "value", "reliability"),
        [
            ("image_classification", "ResNet8 (reference network)", "weights", 77_360, "calculated"),
            ("image_classification", "ResNet8 (reference network)", "macs", 12_501_632, "calculated"),
            ("image_classification", "ResNet8 (reference network)", "latency", 766_624, "calculated"),
            ("tiny_imagenet", "ResNet18 (reference network)", "accuracy", 0.7197, "secondary"),
            ("image_classification", "DUCCIO paper, best network found", "accuracy", 0.857, "secondary"),
            ("keyword_spotting", "DUCCIO paper, best network found", "accuracy", 0.9282, "secondary"),
            ("visual_wake_words", "DUCCIO paper, best network found", "accuracy", 0.8583, "secondary"),
            ("keyword_spotting", "DUCCIO paper, example B", "weights", 9_960, "secondary"),
            ("image_classification", "DUCCIO paper, GAP8, reference network", "latency", 0.02142, "secondary"),
            ("", "DUCCIO paper, headline", "memory_reduction", 0.874, "primary"),
            ("visual_wake_words", "DUCCIO paper, path-based, memory target 25 % alone", "macs", 2.69e6, "calculated"),
            ("anomaly_detection", "Autoencoder reference, float (h5)", "auc_machine_3", 0.711, "primary"),
            ("anomaly_detection", "Autoencoder reference, int8", "machine_mean_auc", 0.8415, "primary"),
            ("visual_wake_words", "MobileNetV1 0.25 reference, int8", "accuracy", 0.850, "primary"),
            ("keyword_spotting", "DS-CNN reference, int8", "file_size", 53_936, "primary"),
        ],
    )
    def test_spot_values(
        self, task: str, item: str, metric: str, value: float, reliability: str, published: list[PublishedNumber]
    ) -> None:
        found = one(published, task, item, metric)
        assert found.value == pytest.approx(value, rel=1e-12)
        assert found.reliability == reliability

    def test_published_weights_on_lossy_images_are_marked_so(self, published: list[PublishedNumber]) -> None:
        name = "ResNet8 reference, float"
        found = one(published, "image_classification", name, "accuracy", reliability="measured")
        assert (found.value, found.data[:10]) == (0.755, "lossy copy")

    def test_ranges_are_in_base_units(self, published: list[PublishedNumber]) -> None:
        found = one(published, "image_classification", "DUCCIO paper, GAP8, deployed networks", "weights")
        assert math.isnan(found.value)
        assert (found.low, found.high, found.unit) == (pytest.approx(14.6 * 1024), pytest.approx(75.5 * 1024), "B")

    @pytest.mark.parametrize("task", BENCHMARKS)
    def test_targets_of_mlperf_tiny_are_those_of_the_benchmarks(
        self, task: str, published: list[PublishedNumber]
    ) -> None:
        found = [p.value for p in published if (p.benchmark, p.item) == (task, "MLPerf Tiny quality target")]
        target = BENCHMARKS[task]
        assert found == ([] if target is None else [target])


class TestArchitectures:
    """Weights and MACs of the published channel lists, computed by the suite's own hardware model."""

    NAMES = tuple(f"{share}-{size}" for share in ("25%", "12.5%", "6.25%") for size in "HL")
    RESNETS = tuple(f"{share}-{size}" for share in ("75%", "50%", "25%") for size in "HL")

    @staticmethod
    def channels(number: PublishedNumber) -> list[int]:
        with (FOLDER / "sibling_architectures.csv").open(newline="") as file:
            rows = {(row["benchmark"], row["item"], row["metric"]): row["channels"] for row in csv.DictReader(file)}
        return [int(width) for width in rows[number.benchmark, number.item, number.metric].split()]

    @pytest.mark.parametrize("name", NAMES)
    def test_mobilenets(self, name: str, published: list[PublishedNumber], gap8: HardwareModel) -> None:
        layers = trace(MobileNetV1(), (3, 96, 96)).weighted
        weights = one(published, "visual_wake_words", f"ISLPED'22 MobileNet {name}", "weights")
        widths, cin, resized = self.channels(weights), 3, []
        assert len(widths) == 14
        for layer in layers:  # a depthwise convolution follows its input
            cout = cin if layer.kind == "depthwise" else 2 if layer.kind == "linear" else widths.pop(0)
            resized.append(replace(layer, in_channels=cin, channels=cout))
            cin = cout
        self.check(weights, resized, published, gap8, seed=208_112)

    @pytest.mark.parametrize("name", RESNETS)
    def test_resnets(self, name: str, published: list[PublishedNumber], gap8: HardwareModel) -> None:
        layers = trace(ResNet8(), (3, 32, 32)).weighted
        weights = one(published, "image_classification", f"ISLPED'22 ResNet8 {name}", "weights")
        c0, a0, b0, a1, b1, a2, b2 = self.channels(weights)
        pairs = [(3, c0), (c0, a0), (a0, b0), (b0, a1), (a1, b1), (b0, b1), (b1, a2), (a2, b2), (b1, b2), (b2, 10)]
        resized = [replace(x, in_channels=i, channels=o) for x, (i, o) in zip(layers, pairs, strict=True)]
        self.check(weights, resized, published, gap8, seed=77_360)

    def check(
        self,
        weights: PublishedNumber,
        layers: list[Layer],
        published: list[PublishedNumber],
        gap8: HardwareModel,
        seed: int,
    ) -> None:
        table = LayerTable.of(layers)
        cost = {m: float(gap8.per_layer(m, table, table.cin, table.cout).sum()) for m in ("weights", "macs")}
        assert cost["weights"] == weights.value
        macs, share = (one(published, weights.benchmark, weights.item, m) for m in ("macs", "weights_of_seed"))
        assert cost["macs"] == pytest.approx(macs.value, abs=5e3)  # published arithmetic has two decimals of a million
        assert weights.value / seed == pytest.approx(share.value, abs=6e-4)
        assert self.channels(share) == self.channels(macs) == self.channels(weights)


class TestLoading:
    def test_no_folder_gives_no_rows(self, tmp_path: Path) -> None:
        assert load_published_numbers(tmp_path) == []

    @pytest.mark.parametrize(
        ("row", "complaint"),
        [
            ("b,i,accuracy,0.8,,,furlong,,a source,primary,", "line 2: 'furlong'"),
            ("b,i,accuracy,good,,,fraction,,a source,primary,", "line 2: .*good"),
        ],
    )
    def test_unusable_rows_are_refused_with_file_and_line(self, row: str, complaint: str, tmp_path: Path) -> None:
        (tmp_path / "published").mkdir()
        (tmp_path / "published" / "mine.csv").write_text(HEAD + row + "\n")
        with pytest.raises(SuiteError, match=rf"mine\.csv.*{complaint}"):
            load_published_numbers(tmp_path)

    def test_files_of_spreadsheets_are_read(self, tmp_path: Path) -> None:
        row = "b,café,accuracy,0.8,,,fraction,,a source,primary,\n"
        (tmp_path / "published").mkdir()
        (tmp_path / "published" / "excel.csv").write_text(HEAD + row, encoding="utf-8-sig")
        assert [found.item for found in load_published_numbers(tmp_path)] == ["café"]


class TestBeside:
    def test_only_benchmarks_of_the_experiment_appear(self, published: list[PublishedNumber]) -> None:
        table = published_comparison(report_frame([ours(), make_record(benchmark="digits")]), published)
        assert set(table["benchmark"]) == {"image_classification"}
        assert published_comparison(report_frame([make_record(benchmark="digits")]), published).empty
        assert published_comparison(report_frame([make_failure(benchmark="image_classification")]), published).empty

    def test_ours_are_means_over_seeds_beside_values_as_published(self, published: list[PublishedNumber]) -> None:
        records = [ours(seed=s, scores={"test": score}) for s, score in enumerate((0.80, 0.82, 0.90))]
        table = published_comparison(report_frame(records), published)
        row = table[table["whose"] == "ours"].iloc[0]
        assert [row["score"], row["score_low"], row["score_high"]] == pytest.approx([0.84, 0.70855, 0.97145], abs=1e-5)
        assert row["seeds"] == 3
        best = table[table["network"] == "DUCCIO paper, best network found"].iloc[0]
        assert (best["score"], best["reliability"]) == (0.857, "secondary")

    def test_every_published_row_has_source_and_reliability(self, published: list[PublishedNumber]) -> None:
        table = published_comparison(report_frame([ours(name) for name in BENCHMARKS]), published)
        theirs = table[table["whose"] == "published"]
        assert set(theirs["benchmark"]) == set(BENCHMARKS)
        assert theirs["source"].str.len().min() > 0

    def test_costs_of_one_item_share_a_row(self, published: list[PublishedNumber]) -> None:
        table = published_comparison(report_frame([ours()]), published)
        (row,) = table[table["network"] == "ISLPED'22 ResNet8 25%-L"].to_dict("records")
        assert (row["weights"], row["macs"]) == (18_898, 1.96e6)
        assert math.isnan(row["score"])

    def test_reference_network_is_named_as_such(self, published: list[PublishedNumber]) -> None:
        records = [ours(method=m) for m in ("hand_tuned", "duccio")]
        table = format_published_comparison(published_comparison(report_frame(records), published))
        assert list(table.loc[table["whose"] == "ours", "network"]) == [
            "duccio, budget weights 25% + latency 50%",
            "hand_tuned; the reference network, budget weights 25% + latency 50%",
        ]

    def test_other_scores_have_a_block_where_both_sides_have_them(self, published: list[PublishedNumber]) -> None:
        scores = {"test": 0.86, "test/machine_mean_auc": 0.84, "test/partial_auc": 0.7, "test/auc_machine_1": 0.9}
        table = published_comparison(
            report_frame([ours("anomaly_detection", score_name="auc", scores=scores)]), published
        )
        assert list(table["score_name"].unique()) == ["auc", "machine_mean_auc"]
        second = table[table["score_name"] == "machine_mean_auc"]
        assert list(second["score"])[:2] == [0.84, 0.8644]
        assert second["data"].str.contains("2,459").any()

    def test_presets_never_share_a_row(self, published: list[PublishedNumber]) -> None:
        df = report_frame([ours(preset=p) for p in ("paper", "short")])
        table = published_comparison(df, published)
        mine = format_published_comparison(table).query("whose == 'ours'")
        assert len(mine) == 2
        assert mine["conditions"].str.contains("preset short").sum() == 1

    def test_footnotes_tell_length_data_and_numbered_sources(self, published: list[PublishedNumber]) -> None:
        df = report_frame([ours(preset="short", data_note="a lossy copy")])
        table = published_comparison(df, published)
        first, *sources = comparison_footnotes(df, published, table)
        assert "preset short: 8 + 8 + 20 epochs, 10,000 training samples" in first
        assert "Data: a lossy copy. The paper: up to 500 epochs a phase." in first
        assert [s.split()[0] for s in sources] == [f"[{i}]" for i in range(1, len(sources) + 1)]
        cited = set(format_published_comparison(table)["source"]) - {"\u2013"}
        assert cited == {s.split()[0] for s in sources}

    def test_readable_numbers_are_those_published(self, published: list[PublishedNumber]) -> None:
        rows = format_published_comparison(
            published_comparison(report_frame([ours("keyword_spotting"), ours()]), published)
        )
        by_name = rows.groupby("network").first()
        assert by_name.loc["DUCCIO paper, example B", "weights"] == "9.96 k parameters"
        assert by_name.loc["DUCCIO paper, GAP8, deployed networks", "weights"] == "14.6 kB to 75.5 kB"
        scores = rows.loc[rows["network"] == "DUCCIO paper, best network found", "test accuracy (ours: float)"]
        assert set(scores) == {"0.857", "0.9282"}
        assert (
            by_name.loc["OENNE notebook, mask-based after path-based, lambda 1e-4", "weights"] == "up to 1 k parameters"
        )

    def test_footnotes_follow_the_table_in_markdown_and_latex(self, published: list[PublishedNumber]) -> None:
        df = report_frame([ours()])
        table = published_comparison(df, published)
        notes = comparison_footnotes(df, published, table)
        assert (
            to_markdown(format_published_comparison(table), "", notes)
            .splitlines()[-1]
            .startswith(f"- [{len(notes) - 1}] ")
        )
        latex = to_latex(format_published_comparison(table), "", notes).splitlines()
        assert latex.index(r"\end{tabular}") == len(latex) - 1 - len(notes)

    def test_page_has_the_section_only_with_published_numbers(self, published: list[PublishedNumber]) -> None:
        records = [ours(), ours(seed=1)]
        df, store = report_frame(records), Store(Path("nowhere"), "nothing")
        assert "Ours beside published" not in render_page(records, df, [], [], store)
        page = render_page(records, df, [], published, store)
        assert "Ours beside published numbers" in page
        assert "0.857" in page
        assert "secondary" in page
