"""Turns: a tenant's questions wait for its own, and cost nobody a turn that they do not take."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from domain.errors import Overloaded, TooManyAtOnce
from interfaces.http.turns import Turns

pytestmark = pytest.mark.anyio
NEVER = 3600.0


class Asking:
    """Questions that are answered when told to; in which order they got their turn."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self.begun: list[str] = []
        self._over: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def ask(self, tenant: str, *names: str) -> None:
        for name in names:
            self._over[name] = asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._run(tenant, name))
        await settled()

    async def answered(self, *names: str) -> None:
        for name in names:
            self._over[name].set()
        await settled()

    async def _run(self, tenant: str, name: str) -> None:
        async with self._turns.taken(tenant):
            self.begun.append(name)
            await self._over[name].wait()


async def settled() -> None:
    """Every task has gone as far as it goes."""
    for _ in range(10):
        await asyncio.sleep(0)


async def ended(asking: Asking) -> None:
    for task in asking.tasks.values():
        task.cancel()
    await asyncio.gather(*asking.tasks.values(), return_exceptions=True)


async def test_a_tenant_waits_for_its_own_alone_and_in_order() -> None:
    asking = Asking(Turns(each=2, together=6, patience=NEVER))
    await asking.ask("acme", "a1", "a2", "a3", "a4")
    await asking.ask("nova", "n1")
    assert asking.begun == ["a1", "a2", "n1"]
    await asking.answered("a2")
    assert asking.begun == ["a1", "a2", "n1", "a3"]
    await asking.answered("a1", "a3")
    assert asking.begun[-1] == "a4"
    await ended(asking)


async def test_all_tenants_together_have_so_many_turns() -> None:
    asking = Asking(Turns(each=2, together=3, patience=NEVER))
    await asking.ask("acme", "a1", "a2", "a3")
    await asking.ask("nova", "n1", "n2")
    assert asking.begun == ["a1", "a2", "n1"]
    await asking.answered("n1")  # a3 came first, but its tenant has what it may
    assert asking.begun == ["a1", "a2", "n1", "n2"]
    await asking.answered("n2", "a1")
    assert asking.begun == ["a1", "a2", "n1", "n2", "a3"]
    await ended(asking)


async def test_who_waits_too_long_is_told_whose_questions_leave_no_turn() -> None:
    turns = Turns(each=1, together=2, patience=0.01)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(turns.taken("acme"))
        with pytest.raises(TooManyAtOnce):
            await stack.enter_async_context(turns.taken("acme"))
        await stack.enter_async_context(turns.taken("nova"))
        with pytest.raises(Overloaded):
            await stack.enter_async_context(turns.taken("zeta"))
    for tenant in ("acme", "nova", "zeta"):  # nothing is left taken, nor waited for
        async with turns.taken(tenant):
            pass


async def test_no_more_than_so_many_wait() -> None:
    asking = Asking(Turns(each=1, waiting=2, patience=NEVER))
    await asking.ask("acme", "a1", "a2", "a3", "a4")
    with pytest.raises(TooManyAtOnce):
        await asking.tasks["a4"]
    await asking.answered("a1", "a2")
    assert asking.begun == ["a1", "a2", "a3"]
    await ended(asking)


async def test_a_question_given_up_leaves_its_turn_to_the_next() -> None:
    asking = Asking(Turns(each=1, patience=NEVER))
    await asking.ask("acme", "a1", "a2", "a3")
    asking.tasks["a2"].cancel()
    asking.tasks["a1"].cancel()
    await settled()
    assert asking.begun == ["a1", "a3"]
    await ended(asking)


async def test_a_turn_given_to_who_is_leaving_just_then_goes_on() -> None:
    turns = Turns(each=1, patience=NEVER)
    asking = Asking(turns)
    async with turns.taken("acme"):
        await asking.ask("acme", "a1", "a2")
    asking.tasks["a1"].cancel()  # it has been given its turn, and has not run since
    await settled()
    assert asking.begun == ["a2"]
    await ended(asking)
