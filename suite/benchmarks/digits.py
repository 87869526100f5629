"""Handwritten digits, 8x8 pixels, as bundled with scikit-learn: the embedded default, nothing to download."""

import hashlib
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits

from suite.benchmarks.base import Classification
from suite.data.base import Data, Source, Split
from suite.data.splits import stratified_validation


class DigitsSource:
    """1,797 images of the UCI optical digits test set, (1, 8, 8) uint8 0..255; a fifth tests, a fifth validates."""

    def describe(self) -> dict[str, str]:
        """For `suite data`."""
        return {
            "title": "UCI optical recognition of handwritten digits, 1,797 images of 8x8",
            "location": "bundled with scikit-learn",
            "licence": "CC BY 4.0",
            "present": "yes",
            "size": "0.1 MB",
        }

    def fingerprint(self) -> str:
        """SHA-256 of pixels and labels."""
        x, y = self._arrays()
        return hashlib.sha256(x.tobytes() + y.astype(np.int64).tobytes()).hexdigest()

    def load(self, cache: Path) -> Data:
        """The splits; nothing is cached."""
        x, y = self._arrays()
        held_out = stratified_validation(y, share=0.4)
        test = held_out.copy()
        test[held_out] = stratified_validation(y[held_out], share=0.5)
        parts = (~held_out, held_out & ~test, test)
        train, validation, testing = (Split(torch.from_numpy(x[i]), torch.from_numpy(y[i])) for i in parts)
        meta = {key: self.describe()[key] for key in ("title", "licence")}
        return Data(train, validation, testing, tuple("0123456789"), meta)

    def _arrays(self) -> tuple[np.ndarray, np.ndarray]:
        bundle = load_digits()
        x = np.round(bundle.images * (255 / 16)).astype(np.uint8)[:, None]
        return x, bundle.target.astype(np.int64)


class Digits(Classification):
    """The bundled digits, or a pack instead of them."""

    version = 2

    def official(self) -> Source:
        """scikit-learn's copy."""
        return DigitsSource()
