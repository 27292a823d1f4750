"""Where to cut a network between an edge device and the cloud, and the bits of its edge half."""

__version__ = "0.1.0"
