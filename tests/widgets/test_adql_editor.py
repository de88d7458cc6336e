"""The editor's Python half: where errors lie, what it is told, what it tells."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellarnb.archives import open_archive
from stellarnb.errors import QueryError
from stellarnb.widgets.adql_editor import AdqlEditor, error_place


@pytest.mark.parametrize(
    ("message", "text", "place"),
    [
        ("ADQL, line 1, column 8: there is no column 'tef'", "SELECT tef FROM s", "tef"),
        ("ADQL, line 2, column 6: there is no table", "SELECT *\nFROM nowhere", "nowhere"),
        (
            "Incorrect ADQL query: [l.2 c.6 - l.2 c.12] no table",
            "SELECT *\nFROM nowhere",
            "nowhere",
        ),
        ("Expected FROM (at char 9), (line:1, col:10)", "SELECT * FORM t", "FORM"),
        ('ADQL, line 1, column 15: this " is never closed', 'SELECT * FROM "abc', '"abc'),
    ],
)
def test_an_error_has_a_place(message, text, place):
    start, end = error_place(message, text)
    assert text[start:end] == place


def test_an_error_at_the_end_or_nowhere():
    assert error_place("ADQL, line 1, column 9: something is missing", "SELECT *") == (7, 8)
    assert error_place("ADQL, line 7, column 1: what", "SELECT *") is None
    assert error_place("the archive is down", "SELECT *") is None


@given(st.text(max_size=80), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_place_lies_within_the_text(text, line, column):
    for message in (f"line {line}, column {column}", f"at char {column}"):
        place = error_place(message, text)
        if place is not None:
            start, end = place
            assert 0 <= start <= end <= len(text)


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("SELECT teff FROM apogee WHERE tef > 1", "tef"),
        ("SELECT teff\nFROM apoge", "apoge"),
        ("SELECT teff FROM apogee WHERE SQR(teff) > 1", "SQR"),
        ("SELECT teff FROM apogee WHERE teff > 'x", "'x"),
        ("DROP TABLE apogee", "DROP"),
        ("SELECT teff FROM apogee; SELECT 1", "SELECT"),
    ],
)
def test_the_archives_own_errors_have_their_place(query, place):
    with pytest.raises(QueryError) as raised:
        open_archive("sample").query(query)
    start, end = error_place(str(raised.value), query)
    assert query[start:end] == place


def test_an_error_is_shown_as_text_without_the_caret_lines():
    editor = AdqlEditor("SELECT tef FROM apogee")
    error = QueryError("ADQL, line 1, column 8: no <b>tef</b>.\n  SELECT tef\n         ^")
    editor.show_error(error)
    assert editor.error["message"] == "ADQL, line 1, column 8: no <b>tef</b>."
    assert (editor.error["start"], editor.error["end"]) == (7, 10)
    assert editor.error["text"] == editor.value
    editor.clear_error()
    assert editor.error == {}
    editor.close()


def test_ctrl_enter_runs_what_was_typed_last():
    editor = AdqlEditor("SELECT 1")
    ran = []
    editor.on_run(lambda: ran.append(editor.value))
    editor._hear(None, {"kind": "run", "value": "SELECT 2"}, [])
    editor._hear(None, {"kind": "other"}, [])
    editor._hear(None, "run", [])
    assert ran == ["SELECT 2"]
    editor.close()
