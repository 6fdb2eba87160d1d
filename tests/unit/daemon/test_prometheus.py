"""The metrics, read as Prometheus reads them."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

import modelwatch
from modelwatch.daemon.prometheus import render
from modelwatch.journal.figures import Figures
from modelwatch.journal.states import CandidateState, DeliveryState

NOW = 1_700_000_000.0


def figures(**more):
    """Return the figures of a journal with some of everything."""
    values = {
        "checkpoints": {"JOURNALLED": 3, "GONE": 1},
        "deliveries": {("directory", "DELIVERED"): 2, ("directory", "PENDING"): 1},
        "waiting_since": NOW - 40.0,
        "last_success": NOW - 2.5,
        "last_error": "",
    }
    return Figures(**(values | more))


def samples(text):
    """Return every sample by its name and labels, as Prometheus understands them."""
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_figure_has_its_metric():
    """In seconds and bytes, with a row for each state, also for those that nothing is in."""
    found = samples(render(figures(), ready=True, snapshot_bytes=12345, now=NOW))
    assert found["modelwatch_build_info", ("version", modelwatch.__version__)] == 1
    assert found["modelwatch_ready",] == 1
    assert found["modelwatch_checkpoints", ("state", "JOURNALLED")] == 3
    assert found["modelwatch_deliveries", ("sink", "directory"), ("state", "PENDING")] == 1
    assert found["modelwatch_snapshot_bytes",] == 12345
    assert found["modelwatch_lag_seconds",] == 40
    assert found["modelwatch_last_success_timestamp_seconds",] == NOW - 2.5
    assert {key[1][1] for key in found if key[0] == "modelwatch_checkpoints"} == {state.value for state in CandidateState}
    assert {key[2][1] for key in found if key[0] == "modelwatch_deliveries"} == {state.value for state in DeliveryState}


def test_types_and_help_are_there_for_all():
    """Each family is described once, and none is of an unknown type."""
    families = list(text_string_to_metric_families(render(figures(), ready=False, snapshot_bytes=0, now=NOW)))
    assert len({family.name for family in families}) == len(families)
    assert all(family.documentation and family.type in {"gauge", "counter"} for family in families)


def test_the_process_is_measured():
    """Under the names that every dashboard knows."""
    found = samples(render(None, ready=False, snapshot_bytes=0, now=NOW))
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    uptime = float(Path("/proc/uptime").read_text().split()[0]) - ticks / os.sysconf("SC_CLK_TCK")
    assert 5e6 < found["process_resident_memory_bytes",] < 5e9
    assert found["process_cpu_seconds_total",] > 0
    assert -1 < time.time() - found["process_start_time_seconds",] - uptime < 5


def test_what_is_not_known_is_absent():
    """Without a journal, and before the first delivery, there is no number that would mislead."""
    none = samples(render(None, ready=False, snapshot_bytes=0, now=NOW))
    assert not [key for key in none if key[0].startswith(("modelwatch_checkpoints", "modelwatch_lag", "modelwatch_last"))]
    fresh = samples(render(figures(last_success=None, waiting_since=None), ready=False, snapshot_bytes=0, now=NOW))
    assert ("modelwatch_last_success_timestamp_seconds",) not in fresh
    assert fresh["modelwatch_lag_seconds",] == 0


@pytest.mark.parametrize("since", [NOW + 10.0, NOW])
def test_a_clock_that_was_set_back_gives_no_negative_lag(since):
    """Lag is never below zero."""
    assert samples(render(figures(waiting_since=since), ready=True, snapshot_bytes=0, now=NOW))["modelwatch_lag_seconds",] == 0


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"), min_size=1))
def test_a_sink_of_any_name_is_one_label(name):
    """Quotes, backslashes and line ends are escaped."""
    found = samples(render(figures(deliveries={(name, "PENDING"): 7}), ready=True, snapshot_bytes=0, now=NOW))
    assert found["modelwatch_deliveries", ("sink", name), ("state", "PENDING")] == 7
