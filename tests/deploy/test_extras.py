"""A library that is missing is named before any work."""

import pytest

from autosplit.deploy.extras import need
from autosplit.errors import StageError


def test_what_is_missing_is_named_with_its_extra():
    need("serve", "json")

    with pytest.raises(StageError, match=r"serve: needs nonesuch, run: pip install 'autosplit\[s"):
        need("serve", "json", "nonesuch")
