"""``python -m autosplit``: the command line."""

from autosplit.cli.app import entry

if __name__ == "__main__":
    entry()
