"""Embeddings: vectors whose neighbours matter; cosine with float, retrieval recall@1."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from autosplit.errors import DataError
from autosplit.evaluate.task import EMBEDDING, Task
from autosplit.evaluate.tasks.samples import (
    Answers,
    SampleRecord,
    moved,
    sqnr_db,
    tensor_labels,
)

_CHUNK = 1024
"""Samples whose neighbours are looked for at once."""


def read_vectors(
    outputs: Answers, labels: object, batch: int, reference: Answers | None = None
) -> dict[str, Tensor]:
    """Read embeddings.

    Args:
        outputs: The first is the embedding, (batch, ...); the rest of its shape is flattened.
        labels: A class for each sample, (batch,), or None.
        batch: Number of samples.
        reference: Outputs of the float network, or None where ``outputs`` are those.

    Raises:
        DataError: There is no vector for each sample, or no label for each.
    """
    own, ref = outputs[0], (reference or outputs)[0]
    if own.dim() < 2 or len(own) != batch:
        raise DataError(
            "evaluation: the network's output must be an embedding of each sample, (batch, "
            f"numbers), got {tuple(own.shape)}"
        )
    truth = tensor_labels(labels, "embeddings")
    if truth is not None and truth.numel() != batch:
        raise DataError(
            f"evaluation data: must have one class for each of {batch} embeddings, got labels of "
            f"shape {tuple(truth.shape)}"
        )
    own, ref = own.double().flatten(1), ref.double().flatten(1)
    answers = moved([own], [ref])
    answers["cosine"] = torch.nn.functional.cosine_similarity(own, ref)
    # float32 is precise enough for neighbours, and the files of a run folder stay small
    answers["vector"] = torch.nn.functional.normalize(own).float()
    answers["float_vector"] = torch.nn.functional.normalize(ref).float()
    return answers if truth is None else {**answers, "label": truth.reshape(batch)}


class VectorRecord(SampleRecord):
    """The record of a network that gives embeddings."""

    task: ClassVar[Task] = EMBEDDING

    def scores(self) -> dict[str, float | None]:
        """Compute recall@1, the share of samples whose nearest other sample has the same label.

        ``same_neighbour`` is the share whose nearest other sample is the float network's too.
        """
        found: dict[str, float | None] = dict.fromkeys(self.task.columns)
        found["cosine"], found["sqnr_db"] = float(self.array("cosine").mean()), sqnr_db(self)
        if self.seen < 2:
            return found
        nearest = _neighbours(torch.tensor(self.values["vector"]))
        before = _neighbours(torch.tensor(self.values["float_vector"]))
        found["same_neighbour"] = float((nearest == before).double().mean())
        if "label" in self.values:
            labels = torch.tensor(self.values["label"])
            found["recall_at_1"] = float((labels[nearest] == labels).double().mean())
        return found


def _neighbours(vectors: Tensor) -> Tensor:
    """Place of the nearest other vector of each, by cosine, shape (samples,)."""
    found = []
    for first in range(0, len(vectors), _CHUNK):
        near = vectors[first : first + _CHUNK] @ vectors.T
        near[torch.arange(len(near)), torch.arange(first, first + len(near))] = -torch.inf
        found.append(near.argmax(1))
    return torch.cat(found)
