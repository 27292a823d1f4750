"""Where profiles are: shipped ones by name, a person's own by path."""

from __future__ import annotations

from pathlib import Path

from autosplit.errors import ProfileError, did_you_mean


def folder(kind: str) -> Path:
    """Folder of the shipped profiles: inside the package when installed, else in the repository."""
    package = Path(__file__).parents[1]
    inside = package / "hw_profiles" / f"{kind}s"
    return inside if inside.is_dir() else package.parent / "hw_profiles" / f"{kind}s"


def find(name_or_path: str | Path, kind: str) -> Path:
    """File of a profile.

    Raises:
        ProfileError: It is neither a path nor a shipped name.
    """
    path, text = Path(name_or_path), str(name_or_path)
    written_as_path = "/" in text or "\\" in text or path.suffix in {".yaml", ".yml"}
    if isinstance(name_or_path, Path) or written_as_path or path.is_file():
        return path
    shipped = {found.stem: found for found in folder(kind).glob("*.yaml")}
    if text not in shipped:
        choice = "a shipped name, a file or a rate such as 3mbps"
        choice = choice if kind == "link" else "a shipped name or a file"
        raise ProfileError(f"{kind} {text!r}: must be {choice}{did_you_mean(text, shipped)}")
    return shipped[text]
