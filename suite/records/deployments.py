"""The deployments of an experiment's runs, as far as they can be read."""

import logging
from collections.abc import Iterable

from suite.records.deployment import DEPLOYMENT, Deployed
from suite.records.record import RecordError
from suite.records.store import Store

log = logging.getLogger(__name__)


def read_deployments(store: Store, run_ids: Iterable[str]) -> dict[str, Deployed]:
    """Run -> what interpreters said of its int8 network, for the runs that were deployed.

    A `deploy.json` that is torn, of another schema or of another run is named in the log and left out.
    """
    deployments = {}
    for run_id in run_ids:
        try:
            content = store.read_file(run_id, DEPLOYMENT)
            if content is None:
                continue
            deployed = Deployed.from_json(content)
            if deployed.run != run_id:
                raise RecordError(f"it is of run {deployed.run}, in another's folder")
        except (OSError, RecordError) as error:
            log.warning("%s: left out: %s", store.run_folder(run_id) / DEPLOYMENT, error)
            continue
        deployments[run_id] = deployed
    return deployments
