"""The jobs of a Hydra sweep, composed before Hydra launches the first one, so that all can be checked together."""

from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hydra import compose, initialize_config_module
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]

from suite import SuiteError
from suite.config import CONF
from suite.config import schema as _schema  # noqa: F401 - known to Hydra once imported
from suite.config.catalogue import catalogue
from suite.config.refusals import explain


def expand(arguments: Sequence[str], *, cfg: str | None = None) -> Iterator[DictConfig] | None:
    """The composed configuration of each job that `suite run ARGUMENTS` would launch; None if it is no sweep.

    Args:
        arguments: of the command line.
        cfg: "job" for a call with `--cfg job`, which Hydra itself refuses beside `-m`; any other call is no sweep then.

    Raises:
        SuiteError: Hydra refuses a configuration, or a file is no YAML.
    """
    options = get_args_parser().parse_args(list(arguments))
    if options.help or options.hydra_help or options.info or options.cfg != cfg:
        return None
    return _sweep_jobs(options)


def jobs_of(arguments: Sequence[str]) -> Iterator[DictConfig]:
    """The composed configuration of each job of a call, one job where it is no sweep.

    Raises:
        SuiteError: Hydra refuses a configuration, or a file is no YAML.
    """
    options = get_args_parser().parse_args(list(arguments))
    return _sweep_jobs(options) or iter([compose_job(options.overrides, options.config_dir)])


def _sweep_jobs(options: Namespace) -> Iterator[DictConfig] | None:
    """The jobs of a sweep, composed; None where the call is none."""
    overrides = _with_folder(options.overrides, options.config_dir)
    with _explained(overrides, options.config_dir):
        parsed = OverridesParser.create().parse_overrides(overrides)
        fixed = [o.input_line for o in parsed if not o.is_sweep_override() and o.input_line]
        base = _compose(fixed, return_hydra_config=True)
        if not (options.multirun or base.hydra.mode == RunMode.MULTIRUN):
            if several := [o.input_line for o in parsed if o.is_sweep_override()]:
                raise SuiteError(f"{several[0]}: several values make a sweep, which -m asks for: suite run -m ...")
            return None
        params = [f"{key}={value}" for key, value in (base.hydra.sweeper.params or {}).items()]
        parsed = OverridesParser.create().parse_overrides([*params, *overrides])
        jobs = BasicSweeper.split_arguments(parsed, max_batch_size=None)[0]
        return iter([_compose(job) for job in jobs])


def parts(arguments: Sequence[str]) -> list[list[str]]:
    """One call for each experiment where `+experiment=NAME` names a folder of them; else the call as it is."""
    options = get_args_parser().parse_args(list(arguments))
    named = next((o for o in options.overrides if o.startswith("+experiment=")), None)
    if named is None:
        return [list(arguments)]
    folder = Path("experiment", named.partition("=")[2])
    files = {file.stem for root in (CONF, Path(options.config_dir or CONF)) for file in (root / folder).glob("*.yaml")}
    chosen = [f"{named}/{name}" for name in sorted(files)] or [named]
    return [[choice if argument == named else argument for argument in arguments] for choice in chosen]


def compose_job(overrides: Sequence[str], config_dir: str | Path | None = None) -> DictConfig:
    """One job's configuration, composed as `suite run --config-dir CONFIG_DIR OVERRIDES` would.

    Raises:
        SuiteError: Hydra refuses an override, or a group has no such choice.
    """
    overrides = _with_folder(overrides, config_dir)
    with _explained(overrides, config_dir):
        return _compose(overrides)


def _with_folder(overrides: Sequence[str], config_dir: str | Path | None) -> list[str]:
    return [*overrides, f"hydra.searchpath=[file://{config_dir}]"] if config_dir else list(overrides)


@contextmanager
def _explained(overrides: Sequence[str], config_dir: str | Path | None) -> Iterator[None]:
    """Turn what Hydra and its files raise into a `SuiteError`."""
    try:
        yield
    except (YAMLError, UnicodeDecodeError) as error:
        catalogue(Path(config_dir) if config_dir else None)  # names the file, which not all errors do
        raise SuiteError(f"not a YAML file ({' '.join(str(error).split())})") from error
    except (HydraException, OmegaConfBaseException) as error:
        raise explain(error, overrides, _compose) from error
    except (TypeError, ValueError, AttributeError, AssertionError, RecursionError, OverflowError) as error:  # its own
        raise SuiteError(f"{' '.join(overrides)}: no configuration ({' '.join(str(error).split())})") from error


def _compose(overrides: Sequence[str], return_hydra_config: bool = False) -> DictConfig:
    GlobalHydra.instance().clear()
    with initialize_config_module("suite.config.conf", version_base="1.3"):
        config = compose("config", list(overrides), return_hydra_config=return_hydra_config)
    OmegaConf.to_container(
        OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"]),
        resolve=True,
        throw_on_missing=True,
    )
    return config
