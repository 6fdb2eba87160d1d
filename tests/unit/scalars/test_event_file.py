"""One growing event file: growth, damage, replacement."""

import os
import struct
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelwatch.scalars.event_file import EventFile, Outcome
from modelwatch.scalars.layout import Templates
from modelwatch.testing import event_writer as w
from modelwatch.testing.clock import FakeClock

NAME = "events.out.tfevents.1700000000.host"


def open_file(path: Path, clock: FakeClock | None = None) -> EventFile:
    """Return a reader of the file at `path`, by default on a clock on which it was written long ago."""
    return EventFile(str(path), {}, Templates(), threading.Lock(), clock or FakeClock(now=4e9))


def points(file: EventFile) -> dict[str, list[tuple[int, float, float]]]:
    """Return what was read."""
    return {tag: [tuple(series.point(i)) for i in range(len(series))] for tag, series in file.stream.series.items() if series}


def events(count: int, *, blob_bytes: int = 5000) -> list[bytes]:
    """Return records of every kind that matters: tensors, simple values, several in one, images, graphs, big and small steps."""
    made = [w.record(w.event(1.0, 0, rest=w.file_version())), w.record(w.event(1.0, 0, rest=w.graph(blob_bytes)))]
    for step in range(count):
        made += [
            w.record(w.event(2.0 + step, step * 37, [w.scalar("loss", 1 / (step + 1))])),
            w.record(w.event(2.0 + step, step * 37, [w.simple("accuracy", step / 7), w.simple("lr", 0.5**step)])),
            w.record(w.event(2.0 + step, step * 37, [w.tensor_value("double", w.tensor(w.DT_DOUBLE, 0.1 * step), None)])),
        ]
        if step % 3 == 0:
            made.append(w.record(w.event(2.0 + step, step * 37, [w.image("image", blob_bytes), w.histogram("histogram", 300)])))
    return made


def expected(count: int) -> dict[str, list[tuple[int, float, float]]]:
    """Return the points in `events(count)`."""

    def as_float32(value: float) -> float:
        return struct.unpack("<f", struct.pack("<f", value))[0]

    return {
        "loss": [(step * 37, 2.0 + step, as_float32(1 / (step + 1))) for step in range(count)],
        "accuracy": [(step * 37, 2.0 + step, as_float32(step / 7)) for step in range(count)],
        "lr": [(step * 37, 2.0 + step, as_float32(0.5**step)) for step in range(count)],
        "double": [(step * 37, 2.0 + step, 0.1 * step) for step in range(count)],
    }


def test_reads_what_was_written(tmp_path):
    """Every scalar is read with its exact value, and nothing else."""
    path = tmp_path / NAME
    path.write_bytes(b"".join(events(20)))
    file = open_file(path)
    assert file.poll() is Outcome.GREW
    assert points(file) == expected(20)
    assert file.poll() is Outcome.SAME


def test_growing_at_every_byte(tmp_path):
    """Wherever a file ends at a poll, the polls together read what one poll of the whole file reads."""
    content = b"".join(events(3, blob_bytes=200))
    path = tmp_path / NAME
    for cut in range(len(content) + 1):
        path.write_bytes(content[:cut])
        file = open_file(path)
        file.poll()
        with path.open("ab") as more:
            more.write(content[cut:])
        file.poll()
        assert points(file) == expected(3), cut
        assert not file.problem


@given(st.lists(st.integers(min_value=1, max_value=9000), max_size=60))
@settings(max_examples=60, deadline=None)
def test_growing_in_any_pieces(tmp_path_factory, sizes):
    """However a file grows between polls, the same points come out, once each."""
    content = b"".join(events(12))
    path = tmp_path_factory.mktemp("growing") / NAME
    path.touch()
    file = open_file(path)
    position = 0
    for size in [*sizes, len(content)]:
        with path.open("ab") as more:
            more.write(content[position : position + size])
        position += size
        file.poll()
    assert points(file) == expected(12)


@given(st.lists(st.tuples(st.integers(min_value=0), st.integers(0, 7)), min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_flipped_bits_invent_nothing(tmp_path_factory, flips):
    """Whatever bits are flipped, no point is read that was not written, and nothing is raised."""
    content = bytearray(b"".join(events(12)))
    for place, bit in flips:
        content[place % len(content)] ^= 1 << bit
    path = tmp_path_factory.mktemp("flipped") / NAME
    path.write_bytes(content)
    file = open_file(path)
    file.poll()
    truth = expected(12)
    read = points(file)
    assert all(set(read[tag]) <= set(truth[tag]) for tag in read)
    lost = sum(len(truth[tag]) - len(read.get(tag, [])) for tag in truth)
    assert lost <= 4 * len(flips)


@given(st.binary(max_size=3000))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_survived(tmp_path_factory, content):
    """Bytes that are no event file give no points and no exception."""
    path = tmp_path_factory.mktemp("anything") / NAME
    path.write_bytes(content)
    file = open_file(path)
    file.poll()
    assert not points(file)


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_payload_is_survived(tmp_path_factory, payload):
    """A record whose checksums are right and whose data is anything does not stop what follows it."""
    path = tmp_path_factory.mktemp("payload") / NAME
    path.write_bytes(w.record(payload) + w.record(w.event(1.0, 5, [w.simple("marker of the end", 0.5)])))
    file = open_file(path)
    file.poll()
    assert points(file)["marker of the end"] == [(5, 1.0, 0.5)]


@pytest.mark.parametrize("as_content", [True, False])
@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        (w.DT_FLOAT, 0.25),
        (w.DT_DOUBLE, 0.1),
        (w.DT_HALF, 1.5),
        (w.DT_BFLOAT16, -2.5),
        (w.DT_INT8, -3),
        (w.DT_INT16, -300),
        (w.DT_INT32, -70000),
        (w.DT_INT64, -(1 << 40)),
        (w.DT_UINT8, 200),
        (w.DT_UINT16, 60000),
        (w.DT_UINT32, 1 << 31),
        (w.DT_UINT64, 1 << 50),
        (w.DT_BOOL, 1),
    ],
)
def test_every_dtype(tmp_path, dtype, value, as_content):
    """A scalar of every numeric type is read exactly, in either of the forms that writers use."""
    path = tmp_path / NAME
    path.write_bytes(w.record(w.event(1.0, 2, [w.tensor_value("x", w.tensor(dtype, value, as_content=as_content))])))
    file = open_file(path)
    file.poll()
    assert points(file) == {"x": [(2, 1.0, value)]}


@pytest.mark.parametrize(
    "value",
    [
        w.tensor_value("x", w.tensor(w.DT_FLOAT, 1.0, shape=[2])),
        w.tensor_value("x", w.tensor(w.DT_STRING, b"text"), "text"),
        w.tensor_value("x", w.tensor(w.DT_FLOAT, 1.0), "pr_curves"),
        w.tensor_value("x", w.number_field(1, 8), None),
        w.histogram("x", 10),
        w.image("x", 10),
    ],
    ids=["vector", "text", "other plug-in", "complex", "histogram", "image"],
)
def test_what_is_no_scalar(tmp_path, value):
    """Values that are no scalars are not taken for some."""
    path = tmp_path / NAME
    path.write_bytes(w.record(w.event(1.0, 2, [value])))
    file = open_file(path)
    file.poll()
    assert not points(file)


def test_extreme_numbers(tmp_path):
    """NaN, infinities, denormals and negative steps come out as they went in."""
    path = tmp_path / NAME
    values = [float("inf"), float("-inf"), 1e-45, -0.0, 3.4028234663852886e38]
    with path.open("wb") as file:
        for step, value in enumerate(values, -2):
            file.write(w.record(w.event(1.0, step, [w.simple("x", value)])))
        file.write(w.record(w.event(1.0, 9, [w.simple("x", float("nan"))])))
    reader = open_file(path)
    reader.poll()
    read = points(reader)["x"]
    assert [repr(value) for _, _, value in read[:-1]] == [repr(struct.unpack("<f", struct.pack("<f", v))[0]) for v in values]
    assert read[-1][0] == 9
    assert read[-1][2] != read[-1][2]
    assert [step for step, _, _ in read[:-1]] == [-2, -1, 0, 1, 2]


def test_metadata_of_the_first_value_holds(tmp_path):
    """A tag whose first value named another plug-in is no scalar later, when its metadata is not repeated."""
    path = tmp_path / NAME
    tensor = w.tensor(w.DT_FLOAT, 1.0)
    path.write_bytes(
        w.record(w.event(1.0, 1, [w.tensor_value("x", tensor, "custom")]))
        + w.record(w.event(2.0, 2, [w.tensor_value("x", tensor, None)]))
    )
    file = open_file(path)
    file.poll()
    assert not points(file)


def test_a_float_column_widens_in_the_middle(tmp_path):
    """A double among 32-bit floats is kept exactly, and so is what the hot path reads after it."""
    path = tmp_path / NAME
    with path.open("wb") as file:
        for step in range(40):
            value = w.simple("x", 0.5) if step != 20 else w.tensor_value("x", w.tensor(w.DT_DOUBLE, 0.1))
            file.write(w.record(w.event(1.0, step, [value])))
    reader = open_file(path)
    reader.poll()
    assert points(reader)["x"] == [(step, 1.0, 0.1 if step == 20 else 0.5) for step in range(40)]


# ------------------------------------------------------------------------------------------------------- the table of hard cases


def damaged(at: int, by: bytes) -> tuple[bytes, dict[str, list[tuple[int, float, float]]]]:
    """Return 30 records of one value each, the 16th overwritten from `at` on, and what the others hold."""
    records = [w.record(w.event(10.0 + step, step, [w.simple("x", step / 2)])) for step in range(30)]
    at %= len(records[15])
    records[15] = records[15][:at] + by + records[15][at + len(by) :]
    return b"".join(records), {"x": [(step, 10.0 + step, step / 2) for step in range(30) if step != 15]}


@pytest.mark.parametrize(("at", "by"), [(25, b"\xff"), (-1, b"\xff")], ids=["data", "checksum of the data"])
def test_bad_data_costs_one_record(tmp_path, at, by):
    """A record whose data does not match its checksum is dropped, and reading goes on behind it."""
    content, rest = damaged(at, by)
    path = tmp_path / NAME
    path.write_bytes(content)
    file = open_file(path)
    file.poll()
    assert points(file) == rest
    assert file.problem == "1 damaged records dropped"


@pytest.mark.parametrize(
    ("at", "by"), [(0, b"\x07"), (9, b"\x07"), (0, bytes(12)), (3, b"\x7f")], ids=["length", "checksum", "zeros", "huge"]
)
def test_bad_length_costs_one_record(tmp_path, at, by):
    """After a length that cannot be believed reading goes on at the next record."""
    content, rest = damaged(at, by)
    path = tmp_path / NAME
    path.write_bytes(content)
    file = open_file(path)
    file.poll()
    assert points(file) == rest
    assert "damaged bytes skipped" in file.problem


def test_bad_bytes_get_time_to_arrive(tmp_path):
    """A page of zeros in a file that is being written is waited for, and read when its bytes are there."""
    records = [w.record(w.event(10.0 + step, step, [w.simple("x", step)])) for step in range(10)]
    whole = b"".join(records)
    zeros = whole[:200] + bytes(120) + whole[320:]
    path = tmp_path / NAME
    path.write_bytes(zeros)
    clock = FakeClock(now=path.stat().st_mtime + 1)
    file = open_file(path, clock)
    file.poll()
    before = len(points(file)["x"])
    assert before < 10
    assert "may still be on their way" in file.problem
    clock.advance(20)
    assert file.poll() is Outcome.SAME
    with path.open("r+b") as late:
        late.write(whole)
    file.poll()
    assert points(file)["x"] == [(step, 10.0 + step, float(step)) for step in range(10)]
    assert not file.problem


@pytest.mark.parametrize("ended", ["grace", "final"])
def test_bad_bytes_do_not_stop_a_busy_file(tmp_path, ended):
    """A file that keeps growing behind bad bytes is read on after 30 seconds, or at once when its writer has ended."""
    content, rest = damaged(0, bytes(12))
    path = tmp_path / NAME
    path.write_bytes(content)
    clock = FakeClock(now=path.stat().st_mtime)
    file = open_file(path, clock)
    file.poll()
    assert len(points(file)["x"]) == 15
    if ended == "grace":
        clock.advance(31)
        os.utime(path, (clock.now(), clock.now()))
    file.poll(final=ended == "final")
    assert points(file) == rest


def test_zeros_at_the_end_then_real_data(tmp_path):
    """Zero bytes at the end, as network file systems show them, do not keep what replaces them from being read."""
    records = [w.record(w.event(1.0, step, [w.simple("x", step)])) for step in range(5)]
    path = tmp_path / NAME
    path.write_bytes(b"".join(records[:2]) + bytes(500))
    file = open_file(path)
    file.poll()
    assert len(points(file)["x"]) == 2
    path.write_bytes(b"".join(records))
    file.poll()
    assert [step for step, _, _ in points(file)["x"]] == [0, 1, 2, 3, 4]


def test_replaced_by_a_longer_copy(tmp_path):
    """A file replaced by one with the same beginning (rsync) is read on, without points twice."""
    records = events(6)
    path = tmp_path / NAME
    path.write_bytes(b"".join(records[:9]))
    file = open_file(path)
    file.poll()
    copy = tmp_path / "copy"
    copy.write_bytes(b"".join(records))
    copy.replace(path)
    assert file.poll() is Outcome.GREW
    assert points(file) == expected(6)


@pytest.mark.parametrize("in_place", [True, False])
def test_replaced_by_other_content(tmp_path, in_place):
    """A file whose content is another now, rewritten in place or replaced, shorter or longer, is read anew."""
    path = tmp_path / NAME
    path.write_bytes(b"".join(w.record(w.event(1.0, step, [w.simple("old", 1.0)])) for step in range(3)))
    file = open_file(path)
    file.poll()
    other = b"".join(w.record(w.event(5.0, step, [w.simple("new", 2.0)])) for step in range(9))
    if in_place:
        path.write_bytes(other)
    else:
        (tmp_path / "other").write_bytes(other)
        (tmp_path / "other").replace(path)
    assert file.poll() is Outcome.RESTARTED
    assert list(points(file)) == ["new"]
    assert len(points(file)["new"]) == 9


def test_truncated_in_place(tmp_path):
    """A file cut down to nothing forgets its points."""
    path = tmp_path / NAME
    path.write_bytes(b"".join(events(3)))
    file = open_file(path)
    file.poll()
    os.truncate(path, 0)
    assert file.poll() is Outcome.RESTARTED
    assert not points(file)


def test_gone(tmp_path):
    """A file that is not there is gone."""
    assert open_file(tmp_path / NAME).poll() is Outcome.GONE


def test_unreadable_is_tried_again(tmp_path, monkeypatch):
    """A file that cannot be read now says why, and is read when it can be."""
    path = tmp_path / NAME
    path.write_bytes(b"".join(events(2)))
    file = open_file(path)

    def stale(*_):
        raise OSError(116, "Stale file handle")

    with monkeypatch.context() as broken:
        broken.setattr("modelwatch.core.files.RegularFile.read_at", stale)
        assert file.poll() is Outcome.UNREADABLE
    assert file.problem == "cannot be read: Stale file handle; tried again at every poll"
    assert file.poll() is Outcome.GREW
    assert points(file) == expected(2)
    assert not file.problem


def test_an_error_in_the_middle_loses_and_doubles_nothing(tmp_path, monkeypatch):
    """When reading fails half-way, the next poll goes on where the last chunk that was taken ended."""
    records = [w.record(w.event(1.0, step, [w.simple("x", step)])) for step in range(4000)]
    path = tmp_path / NAME
    path.write_bytes(b"".join(records))
    file = open_file(path)
    from modelwatch.core.files import RegularFile

    real, reads = RegularFile.read_at, []

    def failing(self, offset, size):
        reads.append(offset)
        if len(reads) == 3:
            raise OSError(5, "Input/output error")
        return real(self, offset, size)

    monkeypatch.setattr(RegularFile, "read_at", failing)
    assert file.poll() is Outcome.UNREADABLE
    assert file.poll() is Outcome.GREW
    assert [step for step, _, _ in points(file)["x"]] == list(range(4000))


def test_big_records_are_not_read(tmp_path, monkeypatch):
    """Of a 40 MB image and a 40 MB graph only the heads are read; a scalar beside an image is read, and its record is checked."""
    path = tmp_path / NAME
    size = 40 << 20
    beside = w.event(3.0, 3, [w.image("image", 200_000), w.simple("beside", 0.5)])
    path.write_bytes(
        w.record(w.event(1.0, 1, [w.image("image", size)]))
        + w.record(w.event(2.0, 2, rest=w.graph(size)))
        + w.record(beside)
        + w.record(w.event(4.0, 4, [w.simple("x", 1.0)]))
    )
    from modelwatch.core.files import RegularFile

    real, read = RegularFile.read_at, []

    def counting(self, offset, size):
        data = real(self, offset, size)
        read.append(len(data))
        return data

    monkeypatch.setattr(RegularFile, "read_at", counting)
    file = open_file(path)
    file.poll()
    assert points(file) == {"beside": [(3, 3.0, 0.5)], "x": [(4, 4.0, 1.0)]}
    assert sum(read) < 500_000


def test_a_big_record_with_a_scalar_is_checked(tmp_path):
    """A scalar in a long record does not count when the record's checksum is wrong, even if the damage is in the image."""
    data = bytearray(w.record(w.event(3.0, 3, [w.image("image", 600_000), w.simple("beside", 0.5)])))
    data[300_000] ^= 1
    path = tmp_path / NAME
    path.write_bytes(bytes(data) + w.record(w.event(4.0, 4, [w.simple("x", 1.0)])))
    file = open_file(path)
    file.poll()
    assert points(file) == {"x": [(4, 4.0, 1.0)]}
    assert file.dropped_records == 1


def test_sessions_and_checkpoint_paths(tmp_path):
    """Session logs and the evaluation's checkpoint path are read."""
    path = tmp_path / NAME
    path.write_bytes(
        w.record(w.event(1.0, 24, rest=w.session(1)))
        + w.record(w.event(2.0, 30, rest=w.session(3, "/m/model.ckpt")))
        + w.record(w.event(3.0, 30, [w.tensor_value("checkpoint_path", w.tensor(w.DT_STRING, b"/m/model.ckpt-30"), "text")]))
    )
    file = open_file(path)
    file.poll()
    assert [tuple(session) for session in file.stream.sessions] == [(1, 24, 1.0, ""), (3, 30, 2.0, "/m/model.ckpt")]
    assert [tuple(text) for text in file.stream.texts] == [(30, 3.0, "/m/model.ckpt-30")]
