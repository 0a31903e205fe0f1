"""`order-history`: the program. Every command is a module of this package, registered below."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import click
import rich_click

from domain.errors import OrderHistoryError
from interfaces.cli import (
    backups,
    benching,
    data,
    diagnosis,
    ledger,
    serving,
    tenants,
    tokens,
    verifying,
    witnesses,
)

rich_click.rich_click.MAX_WIDTH = 96


class _Stopped(Exception):
    """Ctrl-C or SIGTERM."""


class _Program(rich_click.RichGroup):
    def invoke(self, ctx: click.Context) -> Any:
        """click would say an empty line at an interrupt."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            raise _Stopped from interrupt


@click.group(
    cls=_Program,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="order-history", prog_name="order-history")
def program() -> None:
    """An immutable, tamper-evident history of every order.

    Start with `order-history serve`: it brings its own PostgreSQL, an API and a worker. `token`
    prints a token for the API, whose pages are at /docs.
    """


for command in (
    *serving.COMMANDS,
    *tokens.COMMANDS,
    *tenants.COMMANDS,
    *data.COMMANDS,
    *backups.COMMANDS,
    *verifying.COMMANDS,
    *diagnosis.COMMANDS,
    *benching.COMMANDS,
    *ledger.COMMANDS,
    *witnesses.COMMANDS,
):
    program.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and leave: 0 when it worked, 1 with one line when not, 2 for a wrong option,
    130 after Ctrl-C and 143 after SIGTERM, unless the command ends of itself at a signal."""
    terminated: list[int] = []
    try:
        with _sigterm_interrupts(terminated):
            code = program.main(
                args=None if arguments is None else list(arguments),
                prog_name="order-history",
                standalone_mode=False,
            )
    except click.UsageError as error:
        where = f" (see `{error.ctx.command_path} --help`)" if error.ctx else ""
        _say(f"{error.format_message()}{where}")
        sys.exit(2)
    except click.ClickException as error:
        _say(error.format_message())
        sys.exit(1)
    except (_Stopped, click.Abort, KeyboardInterrupt):
        _say("stopped")
        sys.exit(128 + (signal.SIGTERM if terminated else signal.SIGINT))
    except OSError as error:
        _say(f"{error.strerror or type(error).__name__}: {error.filename or ''}".rstrip(": "))
        sys.exit(1)
    except OrderHistoryError as error:
        _say(str(error))
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


@contextmanager
def _sigterm_interrupts(terminated: list[int]) -> Iterator[None]:
    """SIGTERM does what Ctrl-C does: what is half done is taken back on the way out, children and
    an embedded database are stopped. Notes the signal in `terminated`; does not hear it twice."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        if terminated:
            return
        terminated.append(number)
        handler = signal.getsignal(signal.SIGINT)  # in an event loop, one that cancels its task
        if not callable(handler):  # ignored, as in the background of a script
            raise KeyboardInterrupt
        handler(signal.SIGINT, frame)

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _say(line: str) -> None:
    print("order-history: " + " ".join(line.split()), file=sys.stderr)


if __name__ == "__main__":
    main()
