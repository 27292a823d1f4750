"""The record of the page."""

from pages import page_view


def test_links_stand_in_the_order_of_the_plans():
    view = page_view()

    assert view.links == ("3mbps", "slow")
    assert [one.plan.name for one in view.over("slow")] == ["p", "cloud16"]
