"""When a crashed agent is started again, and when it is given up on."""

import itertools
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelwatch.supervisor import agent as module
from modelwatch.supervisor.agent import Agent, Restarts
from modelwatch.supervisor.ending import Ending


@pytest.fixture
def world(monkeypatch):
    """Return a clock that is set by hand, the lines said, and the starts made; no process is started."""

    class World:
        def __init__(self):
            self.now = 1000.0
            self.said = []
            self.pids = itertools.count(100)
            self.told = []

        def start_agent(self, _command, _environment, reading):
            self.told.append(os.dup(reading))
            return next(self.pids)

        def agent(self, **restarts):
            return Agent(("agent",), {}, lambda: self.now, Restarts(**restarts))

    world = World()
    monkeypatch.setattr(module, "start_agent", world.start_agent)
    monkeypatch.setattr(module, "say", world.said.append)
    yield world
    for descriptor in world.told:
        os.close(descriptor)


def crash(world, agent):
    """Let the agent crash where it stands, and, when it is to be started again, do so at that time."""
    agent.ended(Ending(None, 9))
    if agent.due is not None:
        world.now = agent.due
        agent.start()


@given(st.integers(1, 1000), st.floats(0.01, 10), st.floats(10, 100))
def test_waits_grow_to_the_cap(crashes, first, cap):
    """No wait is shorter than the one before it, and none longer than the cap."""
    restarts = Restarts(first_seconds=first, cap_seconds=cap)
    assert first <= restarts.wait_seconds(crashes) <= restarts.wait_seconds(crashes + 1) <= cap


def test_it_is_given_up_on_after_so_many_crashes_in_a_row(world):
    """The last crash of a row is said once, and no further start is due."""
    agent = world.agent(give_up_after=3)
    agent.start()
    for _ in range(3):
        crash(world, agent)
    assert (agent.pid, agent.due) == (None, None)
    assert [line for line in world.said if "3 times in a row" in line] == world.said[-1:]
    assert len(world.told) == 3


def test_a_long_life_begins_a_new_row(world):
    """An agent that has worked for long is started again however often that happens."""
    agent = world.agent(give_up_after=2, healthy_seconds=60.0)
    agent.start()
    for _ in range(10):
        world.now += 60.0
        crash(world, agent)
    assert agent.pid is not None
    agent.tell(Ending(0, None))


def test_one_that_was_given_up_on_is_started_for_the_last_scan(world):
    """The end of the training is worth one more try, and is the first thing that the new agent reads."""
    agent = world.agent(give_up_after=1)
    agent.start()
    crash(world, agent)
    agent.tell(Ending(0, None))
    assert agent.pid is not None
    assert os.read(world.told[-1], 100) == Ending(0, None).line()
    agent.ended(Ending(70, None))
    assert (agent.pid, agent.due) == (None, None)


def test_one_that_cannot_work_is_not_started_even_for_the_last_scan(world):
    """Options that are wrong stay wrong."""
    agent = world.agent()
    agent.start()
    agent.ended(Ending(78, None))
    agent.tell(Ending(0, None))
    assert (agent.pid, agent.due, len(world.told)) == (None, None, 1)


def test_one_that_we_stopped_is_not_started_again(world, monkeypatch):
    """An agent that ends by our own signal has had its chance."""
    monkeypatch.setattr(os, "kill", lambda *_arguments: None)
    agent = world.agent()
    agent.start()
    agent.tell(Ending(0, None))
    agent.stop(15)
    agent.ended(Ending(None, 15))
    assert (agent.pid, len(world.told)) == (None, 1)
