"""Muon for weight matrices, with AdamW for all other parameters, as one optimiser."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn


class MuonWithAdamW(torch.optim.Optimizer):
    """`torch.optim.Muon` for matrices and `torch.optim.AdamW` for vectors, with one learning rate for both.

    Muon's steps are orthogonalised; they are scaled to the size of AdamW's (`match_rms_adamw`), so that one rate suits
    both (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon; Liu et al., arXiv 2502.16982).
    """

    def __init__(self, groups: Sequence[dict[str, Any]], lr: float) -> None:
        matrices, vectors = ([_part(group, matrix) for group in groups] for matrix in (True, False))
        self._muon = torch.optim.Muon([g for g in matrices if g["params"]], lr=lr, adjust_lr_fn="match_rms_adamw")
        self._adamw = torch.optim.AdamW([g for g in vectors if g["params"]], lr=lr, fused=True)
        super().__init__([*self._muon.param_groups, *self._adamw.param_groups], {"lr": lr})
        self._share()

    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step of both; a closure is not supported."""
        self._muon.step()  # type: ignore[no-untyped-call]
        self._adamw.step()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from `state_dict()`."""
        super().load_state_dict(state_dict)
        self._share()

    def _share(self) -> None:
        """Both parts work on the state and the groups of this optimiser."""
        count = len(self._muon.param_groups)
        self._muon.state = self._adamw.state = self.state
        self._muon.param_groups, self._adamw.param_groups = self.param_groups[:count], self.param_groups[count:]


def _part(group: dict[str, Any], matrix: bool) -> dict[str, Any]:
    return group | {"params": [p for p in group["params"] if (p.ndim == 2) is matrix]}


def untrainable(network: nn.Module) -> list[str]:
    """Names of the parameters with more than two dimensions, which Muon does not train."""
    return [name for name, p in network.named_parameters() if p.ndim > 2]
