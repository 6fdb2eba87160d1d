"""Gradient's Custom type: units, commit markers and metadata."""

import os
from pathlib import Path

import pytest
from format_trees import candidates, judge, tree_with
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.core.entities import VerdictKind
from modelwatch.core.json import loads_foreign
from modelwatch.formats.custom import METADATA_NAME, Custom, custom_metrics
from modelwatch.formats.custom_committed import CustomCommitted


def found(format_, *paths):
    """Return root and member paths of what `format_` finds among `paths`."""
    return {candidate.root: candidate.paths for candidate in format_.find(tree_with(*paths))}


def write(folder: Path, *names: str, content: str = "x") -> None:
    """Make files."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)


def test_each_entry_at_the_top_is_a_unit():
    """A file is one unit, a folder with everything below it another."""
    assert found(Custom(), "a.pkl", "m/w", "m/deep/er/v") == {"a.pkl": {"a.pkl"}, "m": {"m/w", "m/deep/er/v"}}


def test_what_is_no_model_is_left_out():
    """Event files, temporary names, hidden entries and lone state files are not models, nor folders of nothing else."""
    paths = ("events.out.tfevents.1.h", "m.tmp" + "0" * 32, ".hidden", ".git/config", "checkpoint", "logs/events.out.tfevents.2.h")
    assert found(Custom(), *paths, "only/checkpoint") == {}
    assert found(Custom(), "m/w", "m/events.out.tfevents.1.h", "m/checkpoint") == {"m": {"m/w", "m/checkpoint"}}


def test_a_described_folder_is_one_unit_and_its_parents_are_collections():
    """Folders around a described folder are divided like the top."""
    paths = (f"run/1/{METADATA_NAME}", "run/1/w", "run/loose", "run/2/w", "other/w")
    assert found(Custom(), *paths) == {
        "run/1": {f"run/1/{METADATA_NAME}", "run/1/w"},
        "run/loose": {"run/loose"},
        "run/2": {"run/2/w"},
        "other": {"other/w"},
    }


def test_the_model_path_itself_can_be_the_unit():
    """With the metadata file at the top everything is one unit, but for hidden folders at the top."""
    assert found(Custom(), METADATA_NAME, "m/w", ".modelwatch/x") == {"": {METADATA_NAME, "m/w"}}


def test_automatic_mode_takes_described_folders_only():
    """Everything else is left to other formats."""
    assert found(Custom(described_only=True), f"a/{METADATA_NAME}", "b/w", "c") == {"a": {f"a/{METADATA_NAME}"}}


def test_folders_with_a_marker_are_committed():
    """Usual markers count without being configured; the folder is not a plain unit then."""
    paths = ("a/_SUCCESS", "a/w", "b/w", "c/deep/commit_success.txt", "c/w")
    assert found(CustomCommitted(), *paths) == {"a": {"a/_SUCCESS", "a/w"}, "c/deep": {"c/deep/commit_success.txt"}}
    assert found(Custom(), *paths) == {"b": {"b/w"}, "c/w": {"c/w"}}


def test_configured_markers_make_folders_wait(tmp_path):
    """While a marker is configured, a folder without it is a candidate that waits; files do not wait."""
    write(tmp_path, "a/w", "b/w", "b/DONE", "file")
    committed = CustomCommitted(("DONE",))
    assert set(candidates(committed, tmp_path)) == {"a", "b"}
    assert judge(committed, tmp_path, "b").kind is VerdictKind.COMPLETE
    waiting = judge(committed, tmp_path, "a")
    assert (waiting.kind, "DONE" in waiting.reason) == (VerdictKind.INCOMPLETE, True)
    assert set(candidates(Custom(("DONE",)), tmp_path)) == {"file"}
    assert set(candidates(CustomCommitted(("DONE",), marked_only=True), tmp_path)) == {"b"}


def test_a_marker_older_than_the_files_is_of_an_earlier_generation(tmp_path):
    """A folder that is being overwritten under its old marker is out of order."""
    write(tmp_path, "a/w", "a/_SUCCESS")
    os.utime(tmp_path / "a/_SUCCESS", (1000, 1000))
    assert judge(CustomCommitted(), tmp_path, "a").only_order


def test_metadata_is_kept_whole_and_tells_the_step(tmp_path):
    """The file's JSON is metadata["gradient"]; a step in it comes before the name's."""
    write(tmp_path, "model-5/w")
    write(tmp_path, f"model-5/{METADATA_NAME}", content='{"metrics": [{"name": "a", "numberValue": NaN}], "step": 7}')
    checkpoint = judge(Custom(), tmp_path, "model-5").checkpoint
    assert checkpoint is not None
    assert checkpoint.step == 7
    assert checkpoint.metadata["gradient"] == {"metrics": [{"name": "a", "numberValue": "NaN"}], "step": 7}


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000])
def test_metadata_that_is_not_json_is_incomplete(tmp_path, text):
    """Half a metadata file is being written."""
    write(tmp_path, "m/w")
    write(tmp_path, f"m/{METADATA_NAME}", content=text)
    assert judge(Custom(), tmp_path, "m").kind is VerdictKind.INCOMPLETE


def test_the_name_tells_step_and_epoch(tmp_path):
    """Without content to tell, the unit's own name is asked."""
    write(tmp_path, "model-100.pt", "epoch=3-step=1200.ckpt")
    steps = {root: judge(Custom(), tmp_path, root).checkpoint for root in ("model-100.pt", "epoch=3-step=1200.ckpt")}
    assert [(checkpoint.step, checkpoint.epoch) for checkpoint in steps.values() if checkpoint] == [(100, None), (1200, 3)]


def test_empty_changed_and_missing_files_are_incomplete(tmp_path):
    """A unit needs content, and its files as they were seen."""
    write(tmp_path, "empty", content="")
    write(tmp_path, "m/w", "m/v")
    assert judge(Custom(), tmp_path, "empty").kind is VerdictKind.INCOMPLETE
    candidate = candidates(Custom(), tmp_path)["m"]
    write(tmp_path, "m/w", content="longer")
    assert Custom().inspect(str(tmp_path), candidate, deep=True).kind is VerdictKind.INCOMPLETE
    (tmp_path / "m/w").unlink()
    assert Custom().inspect(str(tmp_path), candidate, deep=True).kind is VerdictKind.INCOMPLETE
    assert CustomCommitted().inspect(str(tmp_path), candidate, deep=True).kind is VerdictKind.INCOMPLETE


@pytest.mark.parametrize(
    ("text", "metrics"),
    [
        ('{"metrics": [{"name": "accuracy-score", "numberValue": 60}]}', {"accuracy-score": 60.0}),
        ('{"MSE": 0.1}', {"MSE": 0.1}),
        ('{"metrics": [{"MSE": 0.1}, {"R2": 0.9}]}', {"MSE": 0.1, "R2": 0.9}),
        ('{"metrics": {"MSE": 0.1}}', {"MSE": 0.1}),
        ('{"rmse": 2, "epoch": 5, "note": "good", "ok": true}', {"rmse": 2.0}),
        ('{"loss": {"0": 0.5, "1": 0.4}}', {}),
        ('{"loss": -Infinity}', {"loss": float("-inf")}),
        ('{"metrics": [{"name": ["a"], "numberValue": 1}, 3, null], "big": 1' + "0" * 400 + "}", {}),
        ("[1, 2]", {}),
        ("null", {}),
    ],
)
def test_metrics_of_the_documented_shapes(text, metrics):
    """Gradient's documented shape and the ones people write give metrics; anything else gives none."""
    assert custom_metrics(loads_foreign(text)) == metrics


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_json_gives_metrics_or_none(value):
    """Whatever people put there, reading metrics out of it does not raise."""
    assert all(isinstance(number, float) for number in custom_metrics(value).values())


@pytest.mark.parametrize("format_", [Custom(), CustomCommitted()])
def test_members_may_not_be_hard_linked(format_):
    """Nothing is known about how they are written."""
    assert not format_.hardlink_safe("m")
