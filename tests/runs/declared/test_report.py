"""Options of the page of a run."""

from autosplit.runs.declared.report import ReportOptions


def test_the_page_goes_into_the_current_folder_and_needs_no_bundle():
    assert ReportOptions() == ReportOptions(out="report.html", measured=None)
