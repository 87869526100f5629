"""What refuses a run once its data is read, before anything is trained."""

from dataclasses import replace

import torch

from suite import SuiteError
from suite.config.plan import Plan
from suite.data.base import Data, Split
from suite.task.splits import subset
from suite.task.task import Task


def check_outputs(plan: Plan, data: Data) -> None:
    """Compare the outputs of the reference network with what the benchmark needs, where the benchmark says so.

    Raises:
        SuiteError: they differ.
    """
    expected = getattr(plan.benchmark, "outputs", None)
    given = plan.task.space.network.output.channels
    if expected is not None and given != (needed := expected(data)):
        raise SuiteError(
            f"benchmark.network: the reference network gives {given} outputs, the data of {plan.benchmark.name} "
            f"needs {needed}"
        )


def absent_classes_notes(plan: Plan, data: Data) -> list[str]:
    """Which classes no validation example has, so that no network is chosen by them."""
    present = set(subset(data.validation, plan.task.recipe.eval_samples).y.tolist())
    absent = [name for label, name in enumerate(data.classes) if label not in present]
    if not absent or not hasattr(plan.benchmark, "outputs"):  # anomalies are in no validation split
        return []
    return [
        f"{plan.benchmark.name}: no validation example of class {', '.join(absent)}: networks are chosen without it"
    ]


def check_method(plan: Plan, task: Task) -> None:
    """Let the method refuse the task before anything is trained, such as for a cost limit that is too small.

    Raises:
        SuiteError: it does.
    """
    check = getattr(plan.method, "check", None)
    if check is None:
        return
    try:
        check(task, plan.budget)
    except ValueError as error:
        raise SuiteError(str(error)) from error
    except SuiteError:
        raise
    except Exception as error:  # whatever a plug-in raises
        raise SuiteError(f"method {plan.method.name}: its check failed: {type(error).__name__}: {error}") from error


def budget_notes(plan: Plan) -> list[str]:
    """What a user may not have meant: a search without a limit, and limits that the reference network meets."""
    if not plan.budget.constraints:
        searches = getattr(plan.method, "spaces", ("masks",)) != ()
        return ["no budget: nothing is limited; give one such as budget.weights=25% budget.latency=5ms"] * searches
    costs = plan.task.space.reference_costs
    met = [c for c in plan.budget if costs[c.metric] <= c.target]
    return [f"budget.{c.metric}={c.text}: the reference network is within it as it is" for c in met]


def without_examples(data: Data) -> Data:
    """The same numbers of examples and labels, each example empty: for checks that need the splits' sizes only."""
    return replace(data, train=_empty(data.train), validation=_empty(data.validation), test=_empty(data.test))


def _empty(split: Split) -> Split:
    return Split(torch.empty(len(split), 0), split.y)
