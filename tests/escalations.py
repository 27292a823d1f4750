"""Escalations of the small network that answer half of its images on the edge."""

from types import SimpleNamespace

import numpy as np

from autosplit.deploy.bundle import EscalatedFiles
from autosplit.escalation.costs import SentBytes
from autosplit.escalation.cuts import SentCut, sent_file
from autosplit.escalation.escalation import Escalation
from autosplit.escalation.threshold import Threshold
from autosplit.halves.deployed import deploy
from autosplit.stats.coding import InputCoding

JPEG = InputCoding(60, 500.0, 0.1, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
SENT = {"tensors": (2, None), "input": (0, None), "jpeg": (0, JPEG)}
"""Name -> layers of the cut, and how the input is coded."""


def half_sure(small, names=tuple(SENT)):
    """Files of escalations, and what the reference does.

    ``margins`` are the margins of the plan on the edge, ``asked`` the images that it sends, and
    ``expected`` and ``sizes`` are the answers and bytes of the reference, by escalation.
    """
    program, whole = small.program, small.files["edge"]
    images = small.images
    own = deploy(program, whole)(images)[0][0]
    best = own.double().softmax(1).topk(2, dim=1).values
    margins = (best[:, 0] - best[:, 1]).numpy()
    middle = float(np.sort(margins)[7:9].mean())
    asked = margins < middle
    files, expected, sizes = [], {}, {}
    for name in names:
        length, coding = SENT[name]
        cut = SentCut(program.graph.prefix(length), 0, 0.0)
        sent_on = sent_file(whole, cut, {}, coding)
        both = deploy(program, sent_on)
        (other,), _ = both(images)
        sizes[name] = np.array(both.edge([images])[0].sample_sizes())
        expected[name] = np.where(asked[:, None], other.numpy(), own.numpy())
        counted = SentBytes.of((~asked).tolist(), sizes[name].tolist())
        chosen = Threshold(middle, 16, 8, 0, 0.1, 0.2, 0.05)
        edge = cut.cut.edge
        about = Escalation(name, "edge", edge, coding, "margin", 1.0, chosen, 16, counted)
        promised = {"edge_share": counted.share, "sent_bytes": counted.mean, "links": {}}
        files.append(EscalatedFiles(about, whole, sent_on, promised))
    return SimpleNamespace(
        files=files,
        images=images.numpy(),
        margins=margins,
        asked=asked,
        expected=expected,
        sizes=sizes,
        own=own.numpy(),
    )
