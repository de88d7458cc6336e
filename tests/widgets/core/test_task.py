import threading
import time

import pytest
from comm import get_comm_manager

from stellarnb.errors import Interrupted, InvalidInput, QueryError
from stellarnb.progress import Cancel
from stellarnb.widgets.core.formatting import time_words
from stellarnb.widgets.core.task import TARGET, Task, TaskBar, TaskRun, beside


def count_to(n, pause=0.0):
    def work(cancel, report):
        for i in range(n):
            if cancel.wait(pause):
                raise Interrupted(f"Stopped after {i}.", i)
            report(i + 1, n)
        return n

    return work


def test_a_run_ends_with_its_result_and_says_so():
    heard, ended = [], []
    task = Task(lambda run: heard.append(run.words))
    task.start(count_to(3), label="Counting", unit="stars", ended=ended.append)
    assert task.wait(10) == "done"
    assert task.run.result == 3
    assert ended == [task.run]
    assert heard[-1].startswith("Counting: 3 of 3 stars · done after")
    task.close()


def test_cancel_stops_between_two_batches_and_keeps_what_is_done():
    task = Task()
    task.start(count_to(10**6, pause=0.01), label="Counting")
    while task.run.done < 2:
        time.sleep(0.01)
    start = time.monotonic()
    assert task.cancel()
    assert task.wait(10) == "stopped"
    assert time.monotonic() - start < 5
    assert task.run.result >= 2
    assert "stopped after" in task.run.words
    assert not task.cancel()


def test_an_error_of_the_work_is_told_in_its_own_words():
    def work(cancel, report):
        raise QueryError("No table 'star' here; did you mean 'stars'?")

    bar = TaskBar()
    bar.start(work, label="Query")
    bar.task.wait(10)
    assert bar.state == "failed"
    assert bar.words == "Query: No table 'star' here; did you mean 'stars'?"
    bar.close()


def test_an_error_after_the_work_is_told_too():
    bar = TaskBar()

    def ended(run):
        raise OSError("disk full")

    bar.start(count_to(1), label="Counting", ended=ended)
    bar.task.wait(10)
    assert (bar.state, bar.words) == ("failed", "Counting: OSError: disk full")
    bar.close()


def test_there_is_one_run_at_a_time_and_the_next_begins_anew():
    task = Task()
    first = task.start(count_to(10**6, pause=0.01), label="first")
    with pytest.raises(InvalidInput, match="still running"):
        task.start(count_to(1), label="second")
    task.cancel()
    task.wait(10)
    assert task.start(count_to(1), label="second") is not first
    assert task.wait(10) == "done"


def send(token):
    """Send what task.js sends over a subshell; no comm may be left of it."""
    manager = get_comm_manager()
    before = set(manager.comms)
    content = {"comm_id": "c" * 32, "target_name": TARGET, "data": {"token": token}}
    manager.comm_open(None, "", {"content": content})
    assert set(manager.comms) == before


def test_the_page_stops_only_the_run_that_it_names():
    bar = TaskBar()
    bar.start(count_to(10**6, pause=0.01), label="Counting")
    token = bar.token
    assert len(token) >= 32
    for wrong in ("", "x" * len(token), None, 5, {"kind": "cancel"}):
        bar._hear(bar, {"kind": "cancel", "token": wrong}, [])
        send(wrong)
    bar._hear(bar, "cancel", [])
    bar._hear(bar, {"kind": "eval", "token": token}, [])
    assert not bar.task.run.cancel.is_set()
    send(token)
    assert bar.task.wait(10) == "stopped"
    assert bar.token == ""
    # What comes late does not stop the next run.
    bar.start(count_to(3), label="Counting")
    bar._hear(bar, {"kind": "cancel", "token": token}, [])
    send(token)
    assert bar.task.wait(10) == "done"
    bar.close()


def test_time_left_counts_from_where_this_run_began():
    run = TaskRun("Predicting", "stars")
    run.done, run.total, run.begun = 600, 1000, 500
    run._start -= 10
    assert run.rate == pytest.approx(10, rel=0.05)
    assert run.left == pytest.approx(40, rel=0.05)
    assert "600 of 1,000 stars" in run.words
    assert "40 s left" in run.words
    assert [time_words(t) for t in (0.44, 12, 185, 7800)] == [
        "0.4 s",
        "12 s",
        "3 min 5 s",
        "2 h 10 min",
    ]


def test_close_ends_the_thread(leaves_nothing):
    bar = TaskBar()
    bar.start(count_to(10**6, pause=0.01), label="Counting")
    bar.close()
    assert not any(thread.name == "stellarnb: Counting" for thread in threading.enumerate())

    def open_close():
        bar = TaskBar()
        bar.start(count_to(10**6, pause=0.001), label="Counting")
        bar.close()
        bar.layout.close()

    leaves_nothing(open_close)


def test_a_step_that_cannot_stop_is_let_go():
    begun, over = threading.Event(), threading.Event()

    def step():
        begun.set()
        over.wait(10)
        return 1

    task = Task()
    task.start(lambda cancel, report: beside(step, cancel), label="Loading")
    assert begun.wait(10)
    task.cancel()
    assert task.wait(5) == "stopped"
    assert not over.is_set()
    over.set()
    task.close()
    assert not any(thread.name == "stellarnb: step" for thread in threading.enumerate())


def test_a_step_gives_its_result_or_its_error():
    assert beside(lambda: 5, Cancel()) == 5
    with pytest.raises(QueryError, match="no"):
        beside(lambda: fail("no"), Cancel())
    stopped = Cancel()
    stopped.set()
    with pytest.raises(Interrupted):
        beside(lambda: 5, stopped)


def fail(words):
    raise QueryError(words)
