"""The command line's entry, and the one place where an error becomes a line and a code."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from typing import Any, NoReturn

import typer

from remediate.cli import interrupts
from remediate.cli import options as o
from remediate.cli.help import Command, Group
from remediate.cli.streams import silence, whole_streams
from remediate.errors import (
    Error,
    ExitStatus,
    InterruptedRunError,
    OutputError,
    UsageError,
    unforeseen,
)
from remediate.hardening import harden
from remediate.passing import clear_dead

#: Command to (module of `remediate.cli`, function); the order is that of ``--help``.
_COMMANDS = {
    "run": "run:run",
    "preview": "preview:preview",
    "verify": "verify:verify",
    "resume": "resume:resume",
    "list": "incidents:list_",
    "show": "incidents:show",
    "log": "incidents:log",
    "record": "record:record",
    "undo": "undo:undo",
    "approve": "approve:approve",
    "rescue": "rescue:rescue",
    "prevent": "prevent:prevent",
    "notify": "notify:notify",
    "rotate": "rotate:rotate",
    "review": "review:review",
    "providers": "providers:providers",
    "doctor": "doctor:doctor",
    "demo": "demo:demo",
}


def build() -> typer.Typer:
    """The typer application, every command in it."""
    app = typer.Typer(
        name="remediate",
        no_args_is_help=False,
        add_completion=True,
        pretty_exceptions_enable=False,
        pretty_exceptions_show_locals=False,
        rich_markup_mode=None,
        cls=Group,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for name, where in _COMMANDS.items():
        module, function = where.split(":")
        app.command(name, cls=Command)(
            getattr(importlib.import_module(f"remediate.cli.{module}"), function)
        )

    @app.callback(invoke_without_command=True)
    def guide(
        context: typer.Context,
        repo: o.Repo = o.HERE,
        policy: o.Policy = None,
        plain: o.Plain = False,
        version: bool = typer.Option(False, "--version", help="Say the version and leave."),
    ) -> None:
        """A key has leaked into git. On a terminal, `remediate` alone guides you through the rest.

        Example: remediate run gitleaks.json --yes
        """
        if version:
            import remediate

            typer.echo(f"remediate {remediate.__version__}")
            raise typer.Exit
        if context.invoked_subcommand is None:
            from remediate.cli.guide import Asked
            from remediate.cli.guide import guide as start

            start(context, Asked(repo, policy, plain))

    return app


def main() -> NoReturn:
    """Run the command line and leave with its exit code."""
    whole_streams()
    harden()
    interrupts.listen()
    clear_dead()
    try:
        _remind()
        code = build()(standalone_mode=False)
        code = code if isinstance(code, int) else 0
        if code == ExitStatus.INTERRUPTED:
            # typer turns a KeyboardInterrupt into this code without a word.
            code = _interrupted()
    except Error as error:
        code = _told(error)
    except KeyboardInterrupt:
        code = _interrupted()
    except BrokenPipeError:
        # Whoever read us has left; Python would complain once more while closing.
        silence(sys.stdout)
        code = int(ExitStatus.INTERRUPTED)
    except SystemExit:
        raise
    except (
        BaseException
    ) as error:  # the edge: nothing beyond it shows a traceback with values in it
        # An interrupt that something made another error of is one all the same.
        code = _interrupted() if interrupts.Asked.to_stop else _unforeseen(error)
    code = _flushed(code)
    if code == ExitStatus.INTERRUPTED:
        # CPython remembers an interrupt that came while it executed a string (every dataclass is
        # made so) and would end the process by SIGINT in spite of the code given here.
        os._exit(code)
    sys.exit(code)


def _flushed(code: int) -> int:
    """*code*, and all that was said is out; what can't be is dropped, and no code of success any more."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            silence(stream)
            if stream is sys.stdout and code == ExitStatus.DONE:
                code = int(ExitStatus.INTERRUPTED)
    return code


def _remind() -> None:
    """Warn of protection that a run which is not there any more left lifted, whatever was typed."""
    from remediate.incident.home import home_path

    home = home_path(os.environ)
    if (home / "lifted").is_dir():
        from remediate.incident.lifted import remind

        for line in remind(home):
            with contextlib.suppress(OSError):
                sys.stderr.write(f"remediate: WARNING: {line}\n")


def _interrupted() -> int:
    from remediate.cli.console import Unheard
    from remediate.cli.stream import Ended

    if Ended.told or Unheard.since is not None:
        return int(ExitStatus.INTERRUPTED)
    return _told(
        InterruptedRunError(
            "Interrupted. Nothing is lost.", hint="Go on where it stopped: remediate resume"
        )
    )


def _unforeseen(error: BaseException) -> int:
    usage = _click_usage(error)
    if usage is not None:
        return _told(usage)
    if isinstance(error, typer.Exit):
        return int(error.exit_code)
    if isinstance(error, typer.Abort):
        return _told(InterruptedRunError("Stopped.", hint="Go on: remediate resume"))
    return _told(unforeseen(error))


def _click_usage(error: BaseException) -> UsageError | None:
    """A usage error of the parser, which typer brings its own copy of, as ours."""
    text = getattr(error, "format_message", None)
    if text is None or not hasattr(error, "exit_code"):
        return None
    context: Any = getattr(error, "ctx", None)
    command = getattr(context, "command_path", "remediate")
    return UsageError(str(text()), hint=f"See: {command} --help")


def _told(error: Error) -> int:
    from remediate.cli.console import Console, error_document

    if isinstance(error, OutputError):
        if error.left:
            return int(error.exit_status)
    elif "--json" in sys.argv[1:]:
        console = Console(as_json=True)
        if any(word in sys.argv[1:2] for word in ("run", "resume", "demo")):
            from remediate.cli.stream import failed

            failed(console, error)
        else:
            console.document(error_document(error))
    Console().error(error)
    return int(error.exit_status)
