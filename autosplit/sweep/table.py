"""The table of a sweep as an object: what ``autosplit.read_sweep`` gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from autosplit.errors import counted
from autosplit.files import read_csv
from autosplit.sweep.file import SweepFile, read_sweep_file
from autosplit.sweep.run import table_header

if TYPE_CHECKING:
    from pandas import DataFrame

    from autosplit.report.figure import Drawing


@dataclass(frozen=True, eq=False)
class SweepTable:
    """The rows that ``autosplit sweep`` wrote, and the sweep file that they answer.

    Attributes:
        sweep: The sweep file.
        path: The CSV file with the rows.
        rows: The rows of the file as texts, in its order.
    """

    sweep: SweepFile
    path: Path
    rows: Sequence[Mapping[str, str]]

    def to_pandas(self) -> DataFrame:
        """One row per search and method.

        The column ``keeps_limits`` says whether the row keeps the memory and the distortion that
        the sweep allows.
        """
        import pandas as pd

        from autosplit.sweep.figure import keeps_limits

        table = pd.read_csv(self.path)
        table["keeps_limits"] = [keeps_limits(self.sweep, row, self.rows) for row in self.rows]
        return table

    def winners(self) -> DataFrame:
        """The fastest row that keeps the limits, for each network at each rate of the link.

        Columns: ``model``, ``link_mbps``, ``method``, ``cut``, ``latency_s``.
        """
        import pandas as pd

        from autosplit.sweep.figure import winners

        columns = ["model", "link_mbps", "method", "cut", "latency_s"]
        found = [
            {column: row[column] for column in columns}
            for model in dict.fromkeys(row["model"] for row in self.rows)
            for row in winners(self.sweep, [row for row in self.rows if row["model"] == model])
        ]
        table = pd.DataFrame(found, columns=columns)
        return table.astype({"link_mbps": float, "latency_s": float})

    def plot(self) -> Drawing:
        """Draw the figure that the sweep file asks for; a notebook shows it.

        ``latency`` is the normalised latency of each method, ``crossover`` the cut that wins at
        each rate.  A sweep file that asks for no figure gets ``latency``.
        """
        from autosplit.sweep.figure import sweep_figure

        return sweep_figure(self.sweep, self.rows)

    def __repr__(self) -> str:
        return f"SweepTable({str(self.path)!r}: {counted(len(self.rows), 'row')})"


def default_table(file: Path) -> Path:
    """Where ``autosplit sweep`` writes the table of a sweep file."""
    return Path("results") / f"{file.stem}.csv"


def read_sweep(file: str | Path, table: str | Path | None = None) -> SweepTable:
    """Read the table that ``autosplit sweep FILE`` wrote.

    Args:
        file: The sweep file.
        table: The CSV file; by default ``results/NAME.csv``, where NAME is the name of the sweep
            file.

    Raises:
        FileError: The sweep file is wrong, or the table is missing or is that of another sweep.
    """
    sweep = read_sweep_file(Path(file))
    path = default_table(Path(file)) if table is None else Path(table)
    return SweepTable(sweep, path, read_csv(path, table_header(sweep)))
