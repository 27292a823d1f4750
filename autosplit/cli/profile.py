"""The command ``profile``."""

from __future__ import annotations

from pathlib import Path


def profile_command(
    run: str | None = None,
    runtime: str = "onnxruntime",
    threads: int = 1,
    out: str = "device.yaml",
    trust: bool = False,
) -> None:
    """Measure every layer of a run's network on this machine, as a profile for --edge and --cloud.

    Example: autosplit profile --run results/fashion_resnet --threads 1 --out mydevice.yaml
    """
    del runtime  # there is one
    from autosplit.deploy.profile import profile_run, profile_words
    from autosplit.runs.folder import find_folder
    from autosplit.runs.trust import trusted_code

    folder = Path(run) if run else find_folder()
    trusted_code(folder, {}, trust=trust)
    print(profile_words(profile_run(folder, threads, Path(out))))
    print(f"profile: {out}")
