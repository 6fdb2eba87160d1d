"""Whatever is done to a model in whatever order, the repository shows what a few lines of bookkeeping say."""

import os
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from repositories import TEAM, add_version, new_repository

from modelwatch.core.errors import NotFoundError

NAMES = ("digits", "numbers", "Zahlen")
TAGS = ("x", "y")


@dataclass
class Book:
    """What is to be shown: the whole history as a list, and nothing folded before it is asked for."""

    highest: int = 0
    name: str = NAMES[0]
    said: list = field(default_factory=list)  # of the model: ("tag" | "untag", tag), ("public", bool), ("gone", through)
    dead: dict = field(default_factory=dict)  # number: whether it went with its model
    tags: dict = field(default_factory=dict)  # number: tags

    @property
    def gone(self):
        """The standing deletions of the whole model."""
        return [through for what, through in self.said if what == "gone"]

    @property
    def floor(self):
        """Versions up to this one are hidden."""
        return max(self.gone, default=0)

    @property
    def live(self):
        """The numbers to be shown."""
        return [number for number in range(self.floor + 1, self.highest + 1) if number not in self.dead]

    @property
    def shown(self):
        """Name, tags, whether public, and versions with their tags; None when there is no model."""
        if self.highest <= self.floor:
            return None
        tags, public = set(), False
        for what, value in self.said:
            match what:
                case "tag":
                    tags.add(value)
                case "untag":
                    tags.discard(value)
                case "public":
                    public = value
                case "gone":
                    tags, public = set(), False
        return self.name, tags, public, {number: self.tags.get(number, set()) for number in self.live}


class Histories:
    """Each action, done to the repository and noted in the book; a `choice` picks what it is done to."""

    def __init__(self, folder):
        self.folder = folder
        self.repository = new_repository(folder / "repository")
        self.book = Book()
        self.names = {NAMES[0]}

    def register(self, choice):
        """Register another version, under any of the model's names."""
        self.book.highest += 1
        name = sorted(self.names)[choice % len(self.names)]
        assert add_version(self.repository, self.folder, model=name, step=self.book.highest).version == str(self.book.highest)

    def tag(self, choice):
        """Set or remove a tag of the model."""
        if self.book.shown is not None:
            what, tag = ("tag", "untag")[choice % 2], TAGS[choice // 2 % 2]
            change = self.repository.tag if what == "tag" else self.repository.untag
            change(self.book.name, (tag,), team=TEAM)
            self.book.said.append((what, tag))

    def tag_version(self, choice):
        """Set a tag of a version."""
        if live := self.book.live:
            number = live[choice % len(live)]
            self.repository.tag(self.book.name, (TAGS[choice % 2],), team=TEAM, version=str(number))
            self.book.tags.setdefault(number, set()).add(TAGS[choice % 2])

    def publish(self, choice):
        """Publish the model, or no longer."""
        if self.book.shown is not None:
            self.repository.publish(self.book.name, team=TEAM, public=bool(choice % 2))
            self.book.said.append(("public", bool(choice % 2)))

    def rename(self, choice):
        """Call the model otherwise."""
        if self.book.shown is not None:
            self.repository.rename(self.book.name, NAMES[choice % 3], team=TEAM)
            self.book.name = NAMES[choice % 3]
            self.names.add(self.book.name)

    def delete_version(self, choice):
        """Delete a version."""
        if live := self.book.live:
            number = live[choice % len(live)]
            self.repository.delete_version(self.book.name, str(number), team=TEAM, keep_seconds=1000)
            self.book.dead[number] = False

    def restore_version(self, choice):
        """Restore any version that ever was, unless its whole model is gone."""
        if self.book.highest:
            number = choice % self.book.highest + 1
            try:
                restored = self.repository.restore_version(NAMES[0], str(number), team=TEAM).number
            except NotFoundError:
                assert number <= self.book.floor
            else:
                assert restored == number > self.book.floor
                self.book.dead.pop(number, None)

    def delete_model(self, _choice):
        """Delete the model."""
        if self.book.shown is not None:
            self.repository.delete_model(self.book.name, team=TEAM, keep_seconds=1000)
            self.book.dead |= dict.fromkeys(self.book.live, True)
            self.book.said.append(("gone", self.book.highest))

    def restore_model(self, _choice):
        """Restore the model as it was when it was deleted last."""
        if self.book.highest:
            through = self.book.floor
            self.repository.restore_model(NAMES[0], team=TEAM)
            self.book.said = [(what, value) for what, value in self.book.said if (what, value) != ("gone", through)]
            for number in range(self.book.floor + 1, through + 1):
                if self.book.dead.get(number):
                    del self.book.dead[number]


ACTIONS = [name for name in vars(Histories) if not name.startswith("_")]
OFTEN = ["register", "delete_version", "delete_model", "delete_model", "restore_model", "restore_model"]


@given(st.lists(st.tuples(st.sampled_from([*ACTIONS, *OFTEN]), st.integers(0, 11)), min_size=8, max_size=20))
def test_any_history_shows_what_its_bookkeeping_says(tmp_path_factory, history):
    """After every action, name, tags, publication and versions are those of the book, by every name of the model, and no content is lost."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            os, "fsync", lambda _descriptor: None
        )  # nobody pulls the plug here, and thousands of actions take a minute otherwise
        histories = Histories(tmp_path_factory.mktemp("history"))
        histories.register(0)
        for action, choice in history:
            getattr(histories, action)(choice)
            models = histories.repository.models()
            shown = [
                (model.name, set(model.tags), model.public, {version.number: set(version.tags) for version in model.versions})
                for model in models
            ]
            assert shown == ([] if histories.book.shown is None else [histories.book.shown])
        for name in histories.names if models else ():
            assert histories.repository.model(name, team=TEAM) == models[0]
        assert histories.repository.collect_garbage().blobs == 0
        assert histories.repository.problems() == ()
