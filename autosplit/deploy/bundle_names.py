"""Names inside a bundle."""


def cloud_name(network: str, plan: str) -> str:
    """Name of the cloud half of a plan, as servers know it."""
    return f"{network}--{plan}"
