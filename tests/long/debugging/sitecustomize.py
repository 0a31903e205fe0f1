"""On the path of a program, this lets it and its libraries log everything that they can."""

from __future__ import annotations

import logging
from typing import Any

import structlog

_configure, _filtering = logging.basicConfig, structlog.make_filtering_bound_logger


def _everything(**given: Any) -> None:
    _configure(**{**given, "level": logging.DEBUG})
    logging.getLogger().debug("everything is logged")


logging.basicConfig = _everything
structlog.make_filtering_bound_logger = lambda *_: _filtering(logging.DEBUG)
