"""Surveys: their tables and columns under the names that all of them share."""

from stellarnb.archives.surveys.discover import discover
from stellarnb.archives.surveys.selection import select
from stellarnb.archives.surveys.survey import Survey, SurveyTable

__all__ = ["Survey", "SurveyTable", "discover", "select"]
