"""Whatever happens to a repository, an index that follows it answers what one built anew answers, and what the repository shows."""

import contextlib
import math
import os
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from index_views import index_view, repository_view

from modelwatch.core.digest import Digest
from modelwatch.core.entities import (
    Amendment,
    Lifetime,
    Manifest,
    ManifestEntry,
    Metric,
    ModelType,
    Provenance,
    Registration,
    Storage,
)
from modelwatch.core.errors import NotFoundError, PermanentError, UsageError
from modelwatch.repository.index.index import Index
from modelwatch.repository.layout import Place, event_name
from modelwatch.repository.repository import Repository

_MEMORY = Path("/dev/shm")  # nothing here is about durability, and writing durably takes most of the time

TEAMS = strategies.sampled_from(["default", "Équipe"])
MODELS = strategies.sampled_from(["digits", "Été/\udcff", "x" * 300])
TAGS = strategies.sampled_from(["a", "b", "%", "\udc80"])
NOTES = strategies.sampled_from(["", "first", "50% done"])
METRICS = strategies.lists(
    strategies.builds(
        lambda key, split, value: Metric(key, split, value, 1, 1000.0, ".", key, "step"),
        strategies.sampled_from(["loss", "accuracy"]),
        strategies.sampled_from(["train", "validation", "test"]),
        strategies.sampled_from([0.5, 0.25, -0.0, math.nan, math.inf, -math.inf]),
    ),
    max_size=3,
    unique_by=lambda metric: (metric.key, metric.split),
).map(tuple)
REGISTRATIONS = strategies.builds(
    lambda step, epoch, metrics, notes, summary, experiment, lifetime, size: Registration(
        team="",
        model="",
        model_type=ModelType.ONNX,
        format="onnx",
        root=f"model-{step}\udcff.onnx",
        manifest=Manifest((ManifestEntry("model.onnx", size, Digest.of_bytes(bytes(size))),)),
        provenance=Provenance(run=None if experiment is None else "r", experiment=experiment, project=experiment and "p"),
        created=1000.0,
        step=step,
        epoch=epoch,
        metrics=metrics,
        notes=notes,
        summary=summary,
        lifetime=lifetime,
        storage=Storage.REFERENCE,
    ),
    strategies.sampled_from([None, 0, 1, 2, 3, 10**30]),
    strategies.sampled_from([None, 1]),
    METRICS,
    NOTES,
    strategies.sampled_from([None, {"loss": 1}, False]),
    strategies.sampled_from([None, "e1", "e2"]),
    strategies.sampled_from(Lifetime),
    strategies.integers(0, 3),
)
TORN = ["", "{", '{"key":1}', "[1e999]"]
NUMBERS = strategies.integers(1, 6)


class IndexMachine(RuleBasedStateMachine):
    """Acts on a repository as agents, people, killed writers and foreign programs do, and follows it."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=_MEMORY if _MEMORY.is_dir() else None))
        self.repository = Repository.open(self.folder / "repository", create=True)
        self.index = Index.open(self.folder / "index.db", self.repository)

    # ------------------------------------------------------------------------------------------------- agents and people

    @rule(team=TEAMS, model=MODELS, registration=REGISTRATIONS)
    def register(self, team, model, registration):
        """An agent registers a version."""
        self.repository.register(replace(registration, team=team, model=model), None)

    def ignoring_absence(self, act, *arguments, **keywords):
        """Do something to what may not be there."""
        with contextlib.suppress(NotFoundError, PermanentError, UsageError):
            act(*arguments, **keywords)

    @rule(team=TEAMS, model=MODELS, number=NUMBERS | strategies.none(), tag=TAGS, add=strategies.booleans())
    def tag(self, team, model, number, tag, add):
        """Somebody sets or removes a tag."""
        act = self.repository.tag if add else self.repository.untag
        self.ignoring_absence(act, model, (tag,), team=team, version=None if number is None else str(number))

    @rule(team=TEAMS, model=MODELS, number=NUMBERS | strategies.none(), text=NOTES)
    def note(self, team, model, number, text):
        """Somebody writes notes."""
        self.ignoring_absence(self.repository.note, model, text, team=team, version=None if number is None else str(number))

    @rule(team=TEAMS, model=MODELS, number=NUMBERS, metrics=METRICS)
    def amend(self, team, model, number, metrics):
        """An agent learns more metrics."""
        try:
            version = self.repository.version(model, str(number), team=team)
        except NotFoundError:
            return
        self.ignoring_absence(self.repository.amend, Amendment(team, model, version.registration.key, metrics))

    @rule(team=TEAMS, model=MODELS, number=NUMBERS)
    def delete_version(self, team, model, number):
        """Somebody deletes a version."""
        self.ignoring_absence(self.repository.delete_version, model, str(number), team=team, keep_seconds=100.0)

    @rule(team=TEAMS, model=MODELS)
    def delete_model(self, team, model):
        """Somebody deletes a model."""
        self.ignoring_absence(self.repository.delete_model, model, team=team, keep_seconds=100.0)

    @rule(team=TEAMS, model=MODELS, number=NUMBERS | strategies.none())
    def restore(self, team, model, number):
        """Somebody takes a deletion back."""
        if number is None:
            self.ignoring_absence(self.repository.restore_model, model, team=team)
        else:
            self.ignoring_absence(self.repository.restore_version, model, str(number), team=team)

    @rule(team=TEAMS, model=MODELS, name=MODELS)
    def rename(self, team, model, name):
        """Somebody gives a model another name."""
        self.ignoring_absence(self.repository.rename, model, name, team=team)

    @rule(team=TEAMS, model=MODELS, public=strategies.booleans())
    def publish(self, team, model, public):
        """Somebody lets anyone read a model, or the team alone."""
        self.ignoring_absence(self.repository.publish, model, team=team, public=public)

    @rule(team=TEAMS, model=MODELS, alias=strategies.sampled_from(["prod", "best"]), number=NUMBERS)
    def alias(self, team, model, alias, number):
        """Somebody names a version."""
        self.ignoring_absence(self.repository.set_alias, model, alias, str(number), team=team)

    # ------------------------------------------------------------------------------- killed writers and foreign programs

    def files(self, kind):
        """Return the documents of a kind, in order."""
        return sorted(self.repository.root.glob(f"models/*/*/{kind}/*.json"))

    @rule(team=TEAMS, model=MODELS, content=strategies.sampled_from(TORN))
    def tear_version(self, team, model, content):
        """A writer dies in a version's file, on a file system without hard links."""
        folder = self.repository.root / Place.of(team, model).versions
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{len(list(folder.iterdir())) + 1:08d}.json").write_text(content)

    @rule(data=strategies.data())
    def finish_version(self, data):
        """A version's file that could not be read gets its content, in place; or the same key comes a second time."""
        files = self.files("versions")
        if len(files) > 1:
            source, target = data.draw(strategies.permutations(files))[:2]
            if target.read_text() in TORN:
                target.write_bytes(source.read_bytes())

    @rule(data=strategies.data(), kind=strategies.sampled_from(["versions", "events", "aliases"]))
    def lose(self, data, kind):
        """Somebody removes a document."""
        if files := self.files(kind):
            data.draw(strategies.sampled_from(files)).unlink()

    @rule(
        team=TEAMS,
        model=MODELS,
        milliseconds=strategies.integers(1, 3),
        body=strategies.sampled_from(
            [
                "{",
                '{"kind":"promoted","time":1}',
                '{"kind":"notes","time":5,"registration":null,"text":"foreign"}',
                '{"kind":"tags","time":1e300,"registration":[],"add":["c"],"remove":[]}',
                '{"kind":"model-deleted","time":3,"through":1}',
                '{"kind":"model-renamed","time":3,"name":"y\\ud800"}',
                '{"kind":"model-restored","time":3,"through":1}',
                '{"kind":"model-deleted","time":3,"through":1e999}',
                '{"kind":"model-deleted","time":3,"through":100000000000000000000}',
            ]
        ),
    )
    def foreign_event(self, team, model, milliseconds, body):
        """A foreign program writes an event that sorts before others, or is none."""
        folder = self.repository.root / Place.of(team, model).events
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{event_name(milliseconds, None, os.urandom(5))}.json").write_text(body)

    @rule(
        team=TEAMS,
        model=MODELS,
        name=strategies.sampled_from(["prod.json", "x.json", "other"]),
        body=strategies.sampled_from(["{", '{"number":1}']),
    )
    def foreign_alias(self, team, model, name, body):
        """A foreign program writes an alias, or what is none."""
        folder = self.repository.root / Place.of(team, model).aliases
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(body)

    @rule(data=strategies.data())
    def lose_model(self, data):
        """Somebody removes a model's folder."""
        if folders := sorted(self.repository.root.glob("models/*/*/versions")):
            shutil.rmtree(data.draw(strategies.sampled_from(folders)).parent)

    # ------------------------------------------------------------------------------------------------------- the index

    @rule()
    def time_passes(self):
        """What has just been written becomes old enough for its time to be relied on."""
        for folder in self.repository.root.glob("models/*/*/*"):
            if folder.is_dir():
                changed_ns = folder.stat().st_mtime_ns
                if time.time_ns() - changed_ns < 5_000_000_000:
                    os.utime(folder, ns=(changed_ns, changed_ns - 10_000_000_000))

    @rule(team=TEAMS, model=MODELS)
    def look_at_one(self, team, model):
        """The index follows one model."""
        self.index.refresh_model(Place.of(team, model))

    @rule()
    def begin_again(self):
        """The index is closed and opened again."""
        self.index.close()
        self.index = Index.open(self.folder / "index.db", self.repository)

    @invariant()
    def the_index_shows_what_the_repository_shows(self):
        """An index that followed and the repository itself agree."""
        self.index.refresh()
        self.agrees(self.index)

    def agrees(self, index):
        """Compare all that an index answers with what the repository shows."""
        for team in ("default", "Équipe"):
            assert index_view(index, team) == repository_view(self.repository, team)

    def teardown(self):
        """Compare with an index that is built anew, and delete the folder."""
        self.index.close()
        try:
            with Index.open(self.folder / "anew.db", self.repository) as anew:
                self.agrees(anew)
        finally:
            shutil.rmtree(self.folder)


class LazyIndexMachine(IndexMachine):
    """Follows only now and then, after many actions."""

    @rule()
    def look(self):
        """The index follows all, in one go."""
        self.index.refresh()
        self.agrees(self.index)

    @rule()
    def look_at_parts(self):
        """The index follows all, part by part."""
        for _ in self.index.look():
            pass
        self.agrees(self.index)

    @invariant()
    def the_index_shows_what_the_repository_shows(self):
        """Nothing is promised in between."""


TestIndexModel = IndexMachine.TestCase
TestLazyIndexModel = LazyIndexMachine.TestCase
TestIndexModel.settings = TestLazyIndexModel.settings = settings(stateful_step_count=15)
