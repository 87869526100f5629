"""Performance profiles over several benchmarks: which share of a method's runs comes how near the best."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.lines import Line2D

from suite.records.store import Store
from suite.report.figures.pages import FigurePage, RenderedFigure
from suite.report.figures.panels import add_legend, add_panels
from suite.report.figures.style import new_figure
from suite.report.statistics.across_benchmarks import scaled_scores

KIND = "profiles"

_THRESHOLDS = 401

_CAPTION = (
    "Share of a method's runs whose test score is above a threshold, over {benchmarks} benchmarks ({names}). A score "
    "is scaled for each benchmark and budget so that chance is 0 and the best run of any method there is 1; a run "
    "that misses a constraint is never above. These are the runs that there are, {least} to {most} a method, without a "
    "statement on other runs or other benchmarks. Methods without runs on all of these benchmarks, or without any that "
    "fits, are left out."
)


def split(page: FigurePage, _: Store) -> Iterator[FigurePage]:
    """One page, where at least two methods have runs on the same two or more benchmarks."""
    scaled = scaled_scores(page.runs)
    if scaled["method"].nunique() > 1 and scaled["benchmark"].nunique() > 1:
        yield replace(page, rows=())


def draw(page: FigurePage, _: Store) -> RenderedFigure:
    """One panel, a line per method."""
    scaled = scaled_scores(page.runs)
    order = scaled.fillna({"scaled": 0}).groupby("method")["scaled"].mean().sort_values(ascending=False, kind="stable")
    methods = list(order.index)
    least = float(np.nanmin(scaled["scaled"]))
    thresholds = np.linspace(max(0.0, least - 0.05 * (1 - least)), 1, _THRESHOLDS)
    figure = new_figure(3.2 + 0.12 * len(methods), page.style)
    ax = add_panels(figure, [1], [1])[0][0]
    for i, method in enumerate(methods):
        style = page.method_styles[method]
        scores = scaled.loc[scaled["method"] == method, "scaled"].to_numpy(dtype=float)
        share = (scores[:, None] > thresholds).mean(axis=0)
        marks: dict[str, Any] = {"marker": style.marker, "markersize": 5, "markevery": (6 * i, _THRESHOLDS // 8)}
        ax.plot(thresholds, share, color=style.colour, linewidth=1.4, drawstyle="steps-post", **marks)
    ax.set(xlim=(thresholds[0], 1), ylim=(-0.02, 1.02))
    ax.set_xlabel("scaled float test score: 0 chance, 1 the best run at the same benchmark and budget")
    ax.set_ylabel("share of runs above")
    sns.despine(ax=ax)
    styles = [page.method_styles[m] for m in methods]
    add_legend(
        figure,
        [Line2D([], [], color=s.colour, marker=s.marker, markersize=5) for s in styles],
        [str(m) for m in methods],
    )
    counts = scaled.groupby("method").size()
    names = sorted(scaled["benchmark"].unique())
    caption = _CAPTION.format(benchmarks=len(names), names=", ".join(names), least=counts.min(), most=counts.max())
    return page.render(KIND, "Performance profiles", caption, figure)
