"""What the handlers are given: the use cases and ports, put together by the composition root."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from interfaces.http.caller import Authenticator
    from interfaces.http.health import Health


@dataclass(slots=True, kw_only=True)
class Services:
    """`cursor_key` (32 bytes) is the same in every API process of an installation. `stopping` is
    set at SIGTERM: open streams end then."""

    authenticator: Authenticator
    health: Health
    cursor_key: bytes
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
