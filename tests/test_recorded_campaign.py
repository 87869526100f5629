"""What results/README.md says of the campaign is what its tables and records say."""

import pandas as pd
from campaign_table import one_limit_lines, two_limits_lines
from checkout import RESULTS, ROOT

from suite.records.store import Store


class TestCampaign:
    """What results/README.md says of the campaign so far."""

    TABLES = RESULTS / "campaign" / "report" / "tables"
    ALL = pd.read_csv(TABLES / "runs.csv")
    RUNS = ALL[ALL["benchmark"] == "visual_wake_words"]
    ANOMALIES = ALL[ALL["benchmark"] == "anomaly_detection"]
    TEXT = (RESULTS / "README.md").read_text()

    def text(self) -> str:
        return " ".join(self.TEXT.split())

    def test_its_tables_are_those_of_the_runs(self) -> None:
        assert "\n".join(two_limits_lines(self.RUNS)) in self.TEXT
        assert "\n".join(one_limit_lines(self.ANOMALIES)) in self.TEXT

    def test_the_runs_of_a_seed_are_of_one_processor_and_format_and_whole(self) -> None:
        records = Store(RESULTS, "campaign").records()
        machines = {(r.benchmark, r.seed, r.environment["processor"], r.environment["dtype"]) for r in records}
        assert len(machines) == len({(benchmark, seed) for benchmark, seed, *_ in machines})
        for runs, command in ((self.RUNS, "hand_tuned"), (self.ANOMALIES, "+experiment=campaign/anomaly_detection")):
            seeds = sorted(runs["seed"].unique())
            assert len(runs) == len(seeds) * runs.groupby(["method", "budget"]).ngroups
            assert f"{command} seed={','.join(map(str, seeds))}`" in self.TEXT

    def test_what_it_says_of_visual_wake_words(self) -> None:
        means = self.RUNS.groupby("method")[["score", "cost/macs", "target/macs", "cost/weights", "reference/weights"]]
        means = means.mean()
        assert means["score"].idxmin() == "width_scaling"
        assert means.loc["width_scaling", "cost/macs"] < means.loc["width_scaling", "target/macs"] * 0.4
        ratio = self.RUNS["reference/weights"] / self.RUNS["target/weights"]
        assert f"is {ratio.mean():.1f} times as large" in self.text()
        behind = 100 * (means.loc["hand_tuned", "score"] - means["score"])
        law, found = -behind["two_budget_scaling"], -behind["duccio_projected"]
        said = f"`two_budget_scaling` stands at {law:+.2f} points and `duccio_projected` at {found:+.2f}, and no method"
        assert said in self.text()
        pairs = self.table("pairs", "visual_wake_words")
        assert not pairs["different"].any()
        assert set(pairs["against"]) <= {"duccio", "duccio_projected"}
        assert (self.RUNS.groupby("method")["seed"].nunique() == 5).all()
        ahead = pairs[pairs["against"] == "duccio_projected"].set_index("method")
        said = f"is {_points(ahead.loc['two_budget_scaling'])} ahead of `duccio_projected`; pruning is"
        assert f"{said} {_points(ahead.loc['prune_to_budget'])} ahead." in self.text()

    def test_what_it_says_of_searches_that_end_above_a_limit(self) -> None:
        searched = self.RUNS[self.RUNS["method"].isin(["duccio", "duccio_projected"])]
        assert (searched["search_violation/macs"] == 0).all()
        over = searched[searched["search_violation/weights"] > 0].set_index(["seed", "method"])[
            "search_violation/weights"
        ]
        assert sorted(over.index) == [(3, "duccio"), (3, "duccio_projected")]
        assert over.nunique() == 1
        said = (
            f"four of the five random seeds, and {100 * over.iloc[0]:.2f} % above the weights' limit with random seed 3"
        )
        assert said in self.text()
        plain = self.RUNS[self.RUNS["method"] == "duccio"].sort_values("seed")
        exceeding = plain[~plain["feasible"]]
        assert exceeding["seed"].tolist() == [3, 4]
        first, second = 100 * exceeding["violation/weights"]
        assert f"random seeds 3 and 4 it exceeds that limit, by {first:.2f} and {second:.2f} %" in self.text()
        projected = self.RUNS[self.RUNS["method"] == "duccio_projected"]
        assert projected["feasible"].all()
        assert f"in fp32 in {plain['feasible'].sum()} of {len(plain)} random seeds (below)" in self.text()

    def test_what_it_says_of_anomaly_detection(self) -> None:
        runs, text = self.ANOMALIES, self.text()
        scores = runs.groupby(["budget", "method"])["score"]
        assert (scores.mean().unstack().idxmax(axis=1) == "hand_tuned").all()
        spread = 100 * (scores.max() - scores.min()).max()
        assert f"differ by up to {spread:.1f} points between the random seeds" in text
        duccio = runs[runs["method"] == "duccio"]
        used = 100 * duccio["cost/weights"] / duccio["target/weights"]
        assert f"uses {used.min():.0f} to {used.max():.0f} % of the limit" in text
        tight = runs[runs["target/weights"] == 33000].groupby("method")["validation_score"].mean()
        errors = f"(error {-tight['prune_to_budget']:.2f} against {-tight['duccio_projected']:.2f})"
        assert f"sounds better than those of `duccio_projected` {errors}" in text
        self.check_that_no_search_exceeds_a_limit(runs)

    def test_what_it_says_of_the_first_layer(self) -> None:
        found: dict[str, set[int]] = {}
        for record in Store(RESULTS, "campaign").records():
            if record.targets == {"weights": 33000}:
                found.setdefault(record.method, set()).add(record.widths["blocks.0.linear"])
        searched, pruned, thinned = (
            " or ".join(map(str, sorted(found[method])))
            for method in ("duccio_projected", "prune_to_budget", "width_scaling")
        )
        said = (
            f"leaves {searched} of the first layer's 128 channels there, pruning {pruned}, thinning evenly {thinned} ("
        )
        assert said in self.text()

    def test_what_it_says_of_differences_in_anomaly_detection(self) -> None:
        text = self.text()
        pairs = self.table("pairs", "anomaly_detection")
        reached = pairs["against"].eq("duccio_projected") & pairs["fits"].eq(pairs["against_fits"])
        (pruned,) = pairs[reached & (pairs["budget"] == "weights 33000B") & (pairs["method"] == "prune_to_budget")].iloc
        assert f"`duccio_projected` is {_points(pruned, -1)} ahead of `prune_to_budget` ([pairs]" in text
        assert pruned["different"]
        cost = self.ANOMALIES[self.ANOMALIES["target/weights"] == 33000].groupby("method")["trainings"].mean()
        said = f"cost {cost['duccio_projected']:.2f} and {cost['prune_to_budget']:.2f} standard trainings and"
        assert f"{said} `width_scaling` {cost['width_scaling']:.2f}; equal cost" in text
        assert not pairs[reached & (pairs["budget"] != "weights 33000B")]["different"].any()
        pooled = self.table("pooled", "anomaly_detection").set_index(["method", "against"]).loc["duccio_projected"]
        even, by_gradient = pooled.loc["width_scaling"], pooled.loc["prune_to_budget"]
        said = f"{_points(even)} ahead of `width_scaling` and {_points(by_gradient)} ahead of `prune_to_budget`"
        assert said in text
        assert (even["different"], by_gradient["different"]) == (True, False)
        bounds = pd.read_csv(self.TABLES / "noninferiority.csv")
        assert set(bounds["benchmark"]) == {"visual_wake_words", "anomaly_detection"}
        assert (bounds["p_holm"] > 0.05).all()

    def test_the_readme_says_the_same(self) -> None:
        readme = (ROOT / "README.md").read_text()
        assert "\n".join(one_limit_lines(self.ANOMALIES)) in readme
        pairs = self.table("pairs", "anomaly_detection").set_index(["budget", "method", "against"])
        pruned = pairs.loc["weights 33000B", "prune_to_budget", "duccio_projected"]
        assert f"`duccio_projected` is {_points(pruned, -1)} ahead of pruning" in " ".join(readme.split())
        (data,) = self.ANOMALIES["data_note"].unique()
        assert data.endswith(" of 821 clips")
        assert "ToyADMOS, 821 clips" in readme
        cost = self.ANOMALIES.groupby(["budget", "method"])["trainings"].mean().unstack().drop(columns="hand_tuned")
        assert cost.mean().idxmin() == "width_scaling"

    def test_what_it_says_of_int8_networks(self) -> None:
        runs, text = self.ANOMALIES, self.text()
        assert runs["int8/ram"].equals(runs["cost/ram"])
        smaller = runs["cost/flash"] - runs["int8/flash"]
        assert f"its file is {smaller.min():.0f} to {smaller.max():.0f} B smaller than predicted" in text
        gain = 100 * (runs["int8/score"] - runs["score"])
        lost = f"{-gain.mean():.2f} points lower than as float on average; {(gain < -2).sum()} of {len(runs)} loses"
        assert lost in text
        worst = runs.loc[gain.idxmin()]
        assert (worst["method"], worst["target/weights"]) == ("width_scaling", 33000)
        assert f"that loses {-gain.min():.1f}. [One of them]" in text

    def test_the_network_beside_its_tables_is_the_one_that_it_names(self) -> None:
        own = self.ANOMALIES.query("method == 'duccio_projected' and `target/weights` == 33000")
        chosen = own.loc[own["validation_score"].idxmax()]
        content = (RESULTS / "campaign" / "networks" / "anomaly_detection_33000B.tflite").read_bytes()
        assert len(content) == chosen["int8/flash"]
        facts = f"{len(content):,} B: the candidate's at 33,000 B with the least validation error"
        assert f"{facts} (run `{chosen['id']}`), int8 AUC {chosen['int8/score']:.3f}" in self.text()

    def table(self, name: str, benchmark: str) -> pd.DataFrame:
        table = pd.read_csv(self.TABLES / f"{name}.csv")
        return table[table["benchmark"] == benchmark]

    def check_that_no_search_exceeds_a_limit(self, runs: pd.DataFrame) -> None:
        searched = runs[runs["method"].isin(["duccio", "duccio_projected"])]
        violations = searched.filter(like="search_violation/").dropna(axis=1, how="all")
        assert len(violations.columns) > 0
        assert (violations == 0).all(axis=None)


def _points(row: pd.Series, sign: int = 1) -> str:
    """A difference and its interval, or with sign -1 that of the other method."""
    low, high = sorted(100 * sign * row[["difference_low", "difference_high"]].to_numpy(dtype=float))
    return f"{100 * sign * row['difference']:.2f} points [{low:.2f}, {high:.2f}]"
