"""Where the read models are: their places in the event store, and what they had to leave out."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from projections.read_model import now_us
from projections.reading import Connection

_REGISTER = """
insert into tracking (model, position, updated_us)
select name, 0, %s from unnest(%s::text[]) as name on conflict (model) do nothing
"""
_POSITIONS = "select model, position from tracking where model = any(%s)"
_HEAD = "select coalesce((select position from events order by position desc limit 1), 0)"
_STATUS = f"""
select name, coalesce(t.position, 0), ({_HEAD}),
       (select count(*) from dead_letters d where d.model = name),
       (select received_us from events e
         where e.position > coalesce(t.position, 0) order by e.position limit 1)
  from unnest(%s::text[]) with ordinality as n(name, place)
  left join tracking t on t.model = name
 order by place
"""


class ModelStatus(Struct, frozen=True):
    """A model's place and the store's head as positions; `lag` is the events between them, and
    `waiting_since_us` received_at of the oldest of these; None: there is none."""

    model: str
    position: int
    head: int
    lag: int
    dead_letters: int
    waiting_since_us: int | None = None

    @property
    def degraded(self) -> bool:
        """Events are missing from it; a rebuild tries them again."""
        return self.dead_letters > 0


async def register(connection: Connection, names: Sequence[str]) -> None:
    """Let models begin at the beginning, unless they have begun."""
    await connection.execute(_REGISTER, (now_us(), list(names)))


async def positions(connection: Connection, names: Sequence[str]) -> dict[str, int]:
    """Model -> the position of the last event it has applied."""
    cursor = await connection.execute(_POSITIONS, (list(names),))
    return dict(await cursor.fetchall())


async def head(connection: Connection) -> int:
    """The position of the last event of the store; 0 while it is empty."""
    row = await (await connection.execute(_HEAD)).fetchone()
    return int(row[0]) if row else 0


async def status(connection: Connection, names: Sequence[str]) -> list[ModelStatus]:
    """One line per model, for health and metrics. Any process may ask."""
    cursor = await connection.execute(_STATUS, (list(names),))
    return [
        ModelStatus(name, position, last, max(0, last - position), letters, waiting_since_us)
        for name, position, last, letters, waiting_since_us in await cursor.fetchall()
    ]
