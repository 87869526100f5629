"""Laws that several devices share: `law: ${law:cmsisnn}` in a device's file stands for the values of laws/cmsisnn.yaml.

The values become part of the configuration, and so of the run's id, as if they stood in the device's own file.
"""

from pathlib import Path

from omegaconf import DictConfig, ListConfig, OmegaConf

from suite import SuiteError

_FOLDER = Path(__file__).parent


def read_law(name: str) -> DictConfig | ListConfig:
    """The values of a law.

    Raises:
        SuiteError: there is none of that name.
    """
    names = sorted(path.stem for path in _FOLDER.glob("*.yaml"))
    if name not in names:
        raise SuiteError(f"law:{name}: no such law. Choices: {', '.join(names)}")
    return OmegaConf.load(_FOLDER / f"{name}.yaml")


OmegaConf.register_new_resolver("law", read_law, replace=True)
