"""HTTP for archives: budgets, safe retries and resumed downloads."""

from stellarnb.archives.transport.client import Transport
from stellarnb.archives.transport.request import Budget

__all__ = ["Budget", "Transport"]
