"""The command ``profile``."""

from __future__ import annotations

from pathlib import Path

from autosplit.cli.talk import bar


def profile_command(
    run: str | None = None,
    runtime: str = "onnxruntime",
    threads: int = 1,
    kit: str | None = None,
    link: str | None = None,
    tls_cert: str | None = None,
    token_file: str | None = None,
    out: str | None = None,
    trust: bool = False,
) -> None:
    """Measure every layer of a run's network on this machine, as a profile for --edge and --cloud.

    With --kit, fit a profile for networks that were never measured. With --link, measure the link
    to a running server, as a profile for --link of the search.

    Example: autosplit profile --run results/fashion_resnet --threads 1 --out mydevice.yaml
    """
    del runtime  # there is one
    from autosplit.errors import OptionError

    if link is None and (tls_cert is not None or token_file is not None):
        raise OptionError("--tls-cert, --token-file: need --link URL, the server that they are of")
    asked = {"--run": run, "--kit": kit, "--link": link}
    given = [flag for flag, value in asked.items() if value is not None]
    if len(given) > 1:
        raise OptionError(f"{', '.join(given)}: each asks for a profile of its own; give one")
    if link is not None:
        _link(link, tls_cert, token_file, Path(out or "link.yaml"))
    elif kit is not None:
        _kit(Path(kit), threads, Path(out or "device.yaml"))
    else:
        _run(run, threads, Path(out or "device.yaml"), trust=trust)


def _link(server: str, tls_cert: str | None, token_file: str | None, out: Path) -> None:
    from autosplit.deploy.connection import Connection
    from autosplit.deploy.credentials import read_token
    from autosplit.deploy.link_profile import link_words, profile_link

    token = None if token_file is None else read_token(Path(token_file))
    connection = Connection(server, token, None if tls_cert is None else Path(tls_cert))
    print(link_words(profile_link(connection, out)))
    print(f"profile: {out}")


def _kit(folder: Path, threads: int, out: Path) -> None:
    from autosplit.deploy.kit import kit_words, profile_kit

    print(kit_words(profile_kit(folder, threads, out, bar)))
    print(f"profile: {out}")


def _run(run: str | None, threads: int, out: Path, *, trust: bool) -> None:
    from autosplit.deploy.profile import profile_run, profile_words
    from autosplit.runs.folder import find_folder
    from autosplit.runs.trust import trusted_code

    folder = Path(run) if run else find_folder()
    trusted_code(folder, {}, trust=trust)
    print(profile_words(profile_run(folder, threads, out)))
    print(f"profile: {out}")
