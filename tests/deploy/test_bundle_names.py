"""Names inside a bundle."""

from autosplit.deploy.bundle_names import cloud_name


def test_a_cloud_half_is_named_after_its_network_and_its_plan():
    assert cloud_name("net", "cut001-02") == "net--cut001-02"
