import pytest

from suite.deploy.extras import EXTRAS, missing_modules


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = [module for extra in EXTRAS for module in missing_modules(extra)]
    if missing:
        skip = pytest.mark.skip(reason=f"not installed: {', '.join(missing)} (make test-deploy)")
        for item in items:
            if item.get_closest_marker("deploy"):
                item.add_marker(skip)
