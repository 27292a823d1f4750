"""The README of a bundle: the commands of both machines, run in the bundle's folder.

It depends on the plans alone, not on the name of the folder: the same plans give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence

_HEAD = """\
# {network}, split by autosplit {version}

Plans: {plans}.  `manifest.yaml` says what each half takes and gives, and has every file's SHA-256.
Run the commands in this folder, on both machines.
"""
_SERVER = """
On the cloud machine, after `pip install 'autosplit[serve]'`:

    autosplit serve . --host ADDRESS --credentials ../secrets

ADDRESS is that of the cloud machine, as the device reaches it.  The command makes the folder
`secrets` with a certificate, its key and a token.  Copy `cert.pem` and `token.txt` of it to the
device, and never `key.pem`.
"""
_DEVICE = """
On the device, after `pip install -r edge/requirements.txt`, which installs neither autosplit nor
torch:

    python edge/client.pyz --source PICTURES{options}
"""
_REMOTE = " --server https://ADDRESS:8000 --tls-cert cert.pem --token-file token.txt"
_ALONE = """
Every plan answers on the device alone: it needs no server.
"""
_OTHERS = """
To try both halves on one machine: `autosplit serve .`, and the client with `--source PICTURES`
alone.

`cloud/model_repository` is what Triton takes as `--model-repository`.  For MLServer, which needs
onnxruntime: `mlserver start cloud/model_repository`.  For KServe: `cloud/kserve`, after you have
set `storageUri`.
"""


def bundle_readme(
    network: str, version: str, plans: Sequence[str], *, served: bool, client: bool
) -> str:
    """The text.

    Args:
        network: Name of the network.
        version: Of autosplit.
        plans: Names of the plans.
        served: Whether a plan has a cloud half that servers take.
        client: Whether the bundle has a client.
    """
    parts = [_HEAD.format(network=network, version=version, plans=", ".join(plans))]
    if served:
        parts.append(_SERVER)
    if client:
        parts.append(_DEVICE.format(options=_REMOTE if served else ""))
        parts.append(_OTHERS if served else _ALONE)
    return "".join(parts)
