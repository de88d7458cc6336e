import json

import ipywidgets as ipw
import pytest
import traitlets

from stellarnb.errors import InvalidInput, OutputError
from stellarnb.widgets.core.base import BaseWidget
from stellarnb.widgets.core.task import TaskBar
from stellarnb.widgets.core.variables import check_variable, put_variable


class Counter(BaseWidget):
    count = traitlets.Int(0)

    def __init__(self, *, state=None):
        super().__init__("Counter")
        self.bar = self.own(TaskBar())
        self.button = ipw.Button(description="Count")
        self.button.on_click(lambda _: self.guarded(self.more))
        self.show_parts(ipw.HBox([self.button]), self.bar)
        self.begin(state)

    def more(self):
        if self.count >= 2:
            raise InvalidInput("Two are <enough>.")
        self.count += 1

    def to_code(self):
        return f"count = {self.count}\n"

    def state_values(self):
        return {"count": self.count}

    def put_state(self, values):
        self.count = 99
        self.count = int(values["count"])

    def still(self):
        return f"Counted to <{self.count}>"


def test_an_error_is_shown_in_place_and_leaves_with_the_next_success():
    view = Counter()
    for _ in range(3):
        view.button.click()
    assert view.status == "Two are <enough>."
    view.count = 0
    view.button.click()
    assert view.status == ""


def test_the_foot_has_the_code_of_what_is_shown():
    view = Counter()
    assert view._foot.code == "count = 0\n"
    view.button.click()
    assert view._foot.code == view.to_code() == "count = 1\n"


def test_the_state_goes_to_a_file_and_back(tmp_path):
    view = Counter()
    view.button.click()
    path = view.save(tmp_path / "state.json")
    assert Counter(state=path).count == 1
    assert Counter(state={"count": 2}).count == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"format": "stellarnb Other", "version": 1, "state": {"count": 1}}',
        '{"format": "stellarnb Counter", "version": 1, "state": {"count": "many"}}',
        '{"format": "stellarnb Counter", "version": 1, "state": {}}',
        '{"format": "stellarnb Counter", "version": 1}',
        "[" * 100_000,
    ],
)
def test_a_wrong_state_is_refused_and_nothing_changes(tmp_path, text):
    view = Counter()
    view.button.click()
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(InvalidInput):
        view.restore(tmp_path / "bad.json")
    assert view.count == 1


def test_no_file_and_no_folder_are_said(tmp_path):
    view = Counter()
    with pytest.raises(InvalidInput, match="cannot be read"):
        view.restore(tmp_path / "none.json")
    with pytest.raises(InvalidInput, match=r"\.json"):
        view.save(tmp_path / "state.txt")
    with pytest.raises(OutputError):
        view.save(tmp_path / "none" / "state.json")


def test_a_notebook_without_a_kernel_has_its_words_as_text():
    bundle = Counter()._still_bundle()
    assert "Counted to &lt;0&gt;" in bundle["text/html"]
    assert "<0>" not in bundle["text/html"]
    assert bundle["text/plain"].startswith("Counted to <0>. ")
    json.dumps(bundle)


def test_displayed_twice_it_is_one_widget():
    view = Counter()
    mime = "application/vnd.jupyter.widget-view+json"
    assert view._repr_mimebundle_()[mime] == view._repr_mimebundle_()[mime]


def test_closing_leaves_nothing(leaves_nothing):
    def open_close():
        view = Counter()
        view.bar.start(lambda cancel, report: cancel.wait(10), label="Waiting")
        view.button.click()
        view.close()
        view.close()
        view.refresh()

    leaves_nothing(open_close)


@pytest.mark.parametrize(
    "name", ["", "1st", "a b", "for", "_x", "print", "In", "x.y", "x;import os"]
)
def test_what_cannot_be_a_variable_is_refused(name):
    with pytest.raises(InvalidInput, match="variable"):
        check_variable(name)


class Value:
    """Something to put into a variable."""


def test_a_variable_of_the_user_is_never_written_over(monkeypatch):
    class Shell:
        def __init__(self):
            self.user_ns = {"labels": "mine"}

    shell = Shell()
    monkeypatch.setattr("stellarnb.widgets.core.variables._shell", lambda: shell)
    first, second = Value(), Value()
    assert put_variable("labels", first) == "labels_2"
    assert put_variable("labels_2", second) == "labels_2"
    assert shell.user_ns == {"labels": "mine", "labels_2": second}
    assert put_variable("stars", first) == "stars"
    shell.user_ns["stars"] = "changed by the user"
    assert put_variable("stars", second) == "stars_2"


def test_outside_a_notebook_there_is_no_variable():
    assert put_variable("labels", Value()) is None
