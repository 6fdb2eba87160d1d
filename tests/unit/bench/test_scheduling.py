"""What `make bench` concludes from the kernel's scheduler events."""

import pytest
from scheduling import waited_behind

TRAINER, SECOND, AGENT, OTHER = 10, 11, 20, 30


def switch(now, core, before, after, state="S"):
    """Return a line of the trace."""
    return (
        f"  some name-{before:<5} [{core:03}] d..2. {now:.6f}: sched_switch: prev_comm=some name prev_pid={before} prev_prio=120"
        f" prev_state={state} ==> next_comm=a b next_pid={after} next_prio=139\n"
    )


def wakeup(now, core, who):
    """Return a line of the trace."""
    return f"  <idle>-0     [{core:03}] dNh4. {now:.6f}: sched_wakeup: comm=a b pid={who} prio=120 target_cpu=001\n"


def waited(*lines):
    """Return how long the trainer's threads waited behind the agent."""
    return waited_behind(lines, {TRAINER, SECOND}, {AGENT})


def test_a_thread_that_wakes_while_the_agent_has_its_core_waits():
    """From when it woke until the agent left."""
    assert waited(switch(1.0, 1, 0, AGENT), wakeup(1.2, 0, TRAINER), switch(1.5, 1, AGENT, TRAINER)) == pytest.approx(0.3)


def test_a_thread_that_the_agent_displaces_waits():
    """It could have gone on running."""
    assert waited(switch(1.0, 1, TRAINER, AGENT, "R+"), switch(1.5, 1, AGENT, TRAINER)) == pytest.approx(0.5)


def test_who_sleeps_or_waits_for_somebody_else_does_not_count():
    """A thread without work, one behind another process, one on another core."""
    assert waited(switch(1.0, 1, TRAINER, AGENT), switch(1.5, 1, AGENT, 0)) == 0
    assert waited(switch(1.0, 1, TRAINER, OTHER, "R"), switch(1.5, 1, OTHER, TRAINER)) == 0
    assert (
        waited(
            switch(1.0, 0, 0, AGENT), switch(1.1, 1, TRAINER, OTHER, "R"), switch(1.5, 1, OTHER, TRAINER), switch(2.0, 0, AGENT, 0)
        )
        == 0
    )


def test_a_time_in_which_two_wait_counts_once():
    """It delays the whole once."""
    found = waited(
        *(switch(1.0, core, 0, AGENT) for core in (0, 1)),
        wakeup(1.2, 0, TRAINER),
        wakeup(1.3, 0, SECOND),
        switch(1.5, 0, AGENT, SECOND),
        switch(1.6, 1, AGENT, TRAINER),
    )
    assert found == pytest.approx(0.4)
