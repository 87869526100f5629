"""Budgets that refer to a solution: `macs: 50% of weights-only`, the paper's two-step protocol
(eml-eda/multi-constraint-nas at 915520f, source_scripts).

DUCCIO first searches a network with the weights constraint alone, a run of its own with a record; half of its MACs is
then the target of every method that is compared. The id of the run that asks hashes the resolved number.
"""

from omegaconf import DictConfig, OmegaConf

from suite import SuiteError
from suite.config import CONF
from suite.config.build import plain
from suite.config.plan import Plan, make_plan
from suite.records.store import Store
from suite.space.budget import solutions_needed


def references(config: DictConfig) -> dict[str, DictConfig]:
    """Metric -> the job that this one's budget refers to: DUCCIO at its defaults with that constraint alone.

    Raises:
        SuiteError: the budget refers to a constraint that it lacks.
    """
    jobs = {}
    for metric in sorted(solutions_needed(plain(config.budget))):
        job = config.copy()
        job.method = OmegaConf.load(CONF / "method" / "duccio.yaml")
        job.deploy = False
        for other in job.budget:
            if other != metric:
                job.budget[other] = None
        jobs[metric] = job
    return jobs


def without_solutions(config: DictConfig) -> DictConfig:
    """The job without the constraints that refer to a solution: what of it can be checked before that is known."""
    job = config.copy()
    for metric in job.budget:
        if solutions_needed({**dict.fromkeys(job.budget, "1"), metric: job.budget[metric]}):
            job.budget[metric] = None
    return job


def resolved_plan(config: DictConfig, store: Store) -> Plan | None:
    """The plan of a job, or None while the solution that its budget refers to has not been searched yet.

    Raises:
        SuiteError: the configuration cannot work, or the search for a solution failed.
    """
    solutions = {}
    for metric, job in references(config).items():
        plan = make_plan(job)
        record = store.read(plan.id)
        if record is None:
            return None
        if record.status != "done":
            raise SuiteError(f"{plan.label}: failed ({record.error}), so no budget can refer to its solution")
        solutions[metric] = record.costs
    return make_plan(config, solutions)
