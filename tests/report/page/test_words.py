"""Words and tables of the page."""

from dataclasses import replace

from pages import HARDWARE, page_view

from autosplit.hardware.device import Device
from autosplit.report.page import words
from autosplit.report.page.view import Answered


def test_the_answer_is_a_sentence_the_table_of_collect_and_the_reason():
    text = words.answer_words(page_view())

    assert "Run 2 of 3 layers on the edge and the rest in the cloud" in text
    assert "an answer takes 6.00 ms, 2.00 times as fast as all-cloud" in text
    assert "loses 0.30 points of top-1 and takes 500 bytes" in text
    assert '<th style="text-align: left">bytes sent</th>' in text
    assert "No pick: max-drop: the best plan loses 8.00" in text


def test_it_is_said_which_seconds_are_simulated_peak_or_measured():
    table = dict.fromkeys("abc", 1.0)
    device = Device(name="toy", source="made up", model="table", float_bits=32, table=table)
    measured = replace(HARDWARE, edge=device)

    assert "edge seconds (toy)</td><td>peak" in words.known_words(page_view())
    assert "edge seconds (toy)</td><td>measured" in words.known_words(page_view(hardware=measured))


def test_proof_names_bound_and_gap_of_our_plans_alone():
    text = words.proof_words(page_view())

    assert "0 of 2 plans are proven" in text  # p and unseen: bound 0.4 of 0.5
    assert "<td>p</td><td>2</td><td>500</td><td>0.5</td><td>0.4</td><td>20.0 %</td>" in text
    assert "cloud16" not in text


def test_promised_stands_beside_measured():
    answered = (Answered("p", 7, 3.0, 3.0, 3.0, 9.0, 38.0),)

    text = words.answered_words(page_view(answered=answered))

    # promised 1.5 + 3 + 1.5 ms and 19 bytes
    assert "<td>p (7 answers)</td><td>edge, ms</td><td>1.50</td><td>3.00</td><td>2.00</td>" in text
    assert "<td>bytes sent</td><td>19.00</td><td>38.00</td><td>2.00</td>" in text
    assert "<td>total over 3mbps, ms</td><td>6.00</td><td>9.00</td><td>1.50</td>" in text
    assert "No bundle" in words.answered_words(page_view())


def test_all_plans_stand_in_a_table_and_their_names_are_escaped():
    text = words.plans_words(page_view(name="<b>p</b>"))

    assert "3 plans over 3mbps" in text
    assert "&lt;b&gt;p&lt;/b&gt;" in text
    assert "<b>p" not in text
    assert "<td>not measured</td>" in text


def test_every_stage_is_named_with_its_command_and_hashes():
    text = words.provenance_words(page_view())

    assert "<b>stats</b>, autosplit 9: <code>autosplit stats</code>" in text
    assert f"<td>{'ab' * 32}</td>" in text
