"""Predicted RAM and flash against TensorFlow Lite Micro's interpreter and the file, over all benchmarks and spaces."""

import numpy as np
import pandas as pd
import pytest
import torch
from interpreter_table import measure, summary
from sampled_networks import BENCHMARKS, SPACES, sample_networks
from torch import nn

from suite.deploy.convert import convert
from suite.deploy.micro import run_micro
from suite.hardware.ram import activation_buffers, peak_bytes
from suite.hardware.trace import trace

pytestmark = pytest.mark.deploy

NETWORKS = 18
"""Three of each benchmark: one of each space, or three of masks where there is no supernet."""


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return pd.DataFrame(measure(index, sampled) for index, sampled in enumerate(sample_networks(NETWORKS)))


def test_the_sample_covers_benchmarks_and_spaces(rows: pd.DataFrame) -> None:
    assert set(rows["benchmark"]) == set(BENCHMARKS)
    assert set(rows["space"]) == set(SPACES)


def test_ram_is_what_the_interpreter_needs(rows: pd.DataFrame) -> None:
    assert rows["ram"].tolist() == rows["ram_interpreter"].tolist()


def test_flash_is_the_file_or_at_most_two_percent_more(rows: pd.DataFrame) -> None:
    errors = rows["flash"] / rows["flash_file"] - 1
    assert errors.between(0, 0.02).all(), errors


def test_the_tail_is_an_upper_bound(rows: pd.DataFrame) -> None:
    errors = rows["tail"] / rows["tail_interpreter"] - 1
    assert errors.between(0, 0.15).all(), errors


def test_both_interpreters_agree_to_one_unit(rows: pd.DataFrame) -> None:
    assert rows["largest_difference"].max() <= 1


def test_padding_that_tensorflow_lacks_is_a_buffer_in_the_interpreter_too() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 4),
    )  # fmt: skip
    content = convert(network.eval(), torch.randn(8, 3, 16, 16))
    needed = run_micro(content, np.zeros((1, 16, 16, 3), np.int8)).head
    assert peak_bytes(activation_buffers(trace(network, (3, 16, 16)))) == needed


def test_zeros_before_a_convolution_are_one_operator_in_the_file() -> None:
    from suite.deploy.flatbuffer import operator_names

    network = nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(3, 4, 3, 2), nn.ReLU(), nn.Conv2d(4, 4, 1)).eval()
    assert operator_names(convert(network, torch.randn(8, 3, 8, 8))) == ["CONV_2D", "CONV_2D"]


def test_the_summary_states_what_the_rows_hold(rows: pd.DataFrame) -> None:
    text = summary(rows)
    assert f"| `ram` equals the interpreter's head | {NETWORKS} of {NETWORKS} |" in text
