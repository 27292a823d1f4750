"""The tables of sections and options agree with each other and with what is built."""

from autosplit.models.networks.darknet_heads import HEAD_BUILDERS
from autosplit.models.networks.darknet_layers import BUILDERS
from autosplit.models.networks.darknet_options import (
    COUNTS,
    HEADS,
    NEVER,
    OFF,
    REFUSED,
    SECTION_OPTIONS,
    SHORT,
    TRAINING,
)


def test_every_section_is_built_or_refused():
    assert set(BUILDERS) == SECTION_OPTIONS.keys() - {"net"}
    assert set(HEAD_BUILDERS) == set(HEADS)
    assert not set(BUILDERS) & REFUSED.keys()
    assert set(SHORT.values()) <= SECTION_OPTIONS.keys()


def test_an_option_is_of_one_kind_alone():
    used = {key for options in SECTION_OPTIONS.values() for key in options}
    assert not used & OFF.keys()
    assert not used & NEVER.keys()
    assert used & TRAINING <= {"probability"}
    assert COUNTS.keys() <= used
