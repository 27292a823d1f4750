"""Darknet's files of weights, as Darknet writes them."""

import struct

from autosplit.models.networks.darknet_weights import weight_places


def write_weights(network, path, seen=0):
    """Write a network's weights as Darknet would.

    Args:
        network: The network.
        path: The file to write.
        seen: Number of images that the network was trained on.
    """
    parts = [struct.pack("<iiiq", 0, 2, 0, seen)]
    parts += [
        tensor.detach().cpu().contiguous().numpy().astype("<f4").tobytes()
        for _, tensor in weight_places(network)
    ]
    path.write_bytes(b"".join(parts))
