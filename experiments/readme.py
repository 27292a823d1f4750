"""Run the commands that the README shows, and write their real output under them.

    python experiments/readme.py [README.md]

The blocks marked ``<!-- test -->`` run in their order in one new folder.  ``tests/test_readme.py``
checks that the output in the README is still true.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

FENCE = re.compile(r"(<!-- test(?: slow)? -->\n)?^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# Picture in docs/images/ -> the file in results/ that it is a copy of.
FIGURES = {
    "pareto.png": "efficientnet_lite0/pareto.png",
    "detection.png": "scenes_yolo/drawn/000064.png",
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("readme", nargs="?", type=Path, default=Path("README.md"))
    readme = parser.parse_args().readme.resolve()
    printed = ""

    def renew(block: re.Match[str]) -> str:
        nonlocal printed
        mark, kind, text = block[1] or "", block[2], block[3]
        if mark and kind == "console":
            commands = re.findall(r"^\$ (.*)$", text, re.MULTILINE)
            text = "".join(f"$ {command}\n{run(command.split())}" for command in commands)
        elif mark and kind == "python":
            printed = run([sys.executable, "-P", "-c", text])
        elif kind == "text" and printed:
            text, printed = printed, ""
        return f"{mark}```{kind}\n{text}```"

    with tempfile.TemporaryDirectory() as folder:

        def run(command: list[str]) -> str:
            print("$", " ".join(command)[:100], file=sys.stderr)
            path = Path(sys.executable).parent / command[0]
            command = [str(path) if path.exists() else command[0], *command[1:]]
            done = subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE)  # noqa: S603
            return done.stdout.decode()

        (Path(folder) / "autosplit").symlink_to(readme.parent / "autosplit")  # as in a clone
        readme.write_text(FENCE.sub(renew, readme.read_text()))
        for name, made in FIGURES.items():
            figure = Path(folder) / "results" / made
            if figure.exists():
                (readme.parent / "docs" / "images" / name).write_bytes(figure.read_bytes())


if __name__ == "__main__":
    main()
