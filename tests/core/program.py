"""The program as tests run it: in this process, over the store of the test."""

from __future__ import annotations

from collections.abc import Callable

Run = Callable[..., tuple[int, str, str]]
"""Runs a command; returns its exit code and what it printed, on standard output and on standard error."""
