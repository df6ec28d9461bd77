"""Connected components over integer edges, without a loop over records."""

from __future__ import annotations

import numpy as np

from pipelines.matching.arrays import Labels, Positions

__all__ = ["components"]


def components(size: int, left: Positions, right: Positions) -> Labels:
    """For each of `size` nodes the smallest node it is connected with through the edges (`left`, `right`)."""
    label = np.arange(size, dtype=np.int64)
    while True:
        low = np.minimum(label[left], label[right])
        before = label.copy()
        np.minimum.at(label, label[left], low)
        np.minimum.at(label, label[right], low)
        np.minimum.at(label, left, low)
        np.minimum.at(label, right, low)
        while True:  # follow each label to its own label until it stands
            further = label[label]
            if np.array_equal(further, label):
                break
            label = further
        if np.array_equal(before, label):
            return label
