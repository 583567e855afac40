"""What holds for every command: help with examples and exit codes, completion, quiet ends."""

import contextlib
import os
import signal
import socket
import subprocess
import sys

import pytest

from nomos_mcp.cli import main, parser

COMMANDS = sorted(name for action in parser()._actions if isinstance(action.choices, dict) for name in action.choices)


def helped(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_ends_with_examples_and_exit_codes(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = helped(command, capsys)
    assert "\nexamples:\n  " in text
    assert f"nomos-mcp {command}" in text.partition("examples:")[2]
    assert "exit codes: 0 " in text


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_a_shell_can_complete_every_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(command in script for command in COMMANDS)


@pytest.mark.skipif(sys.platform == "win32", reason="no bash there")
def test_bash_completes_what_was_begun(capsys: pytest.CaptureFixture[str]) -> None:
    main(["completion", "bash"])
    script = capsys.readouterr().out + (
        '\nCOMP_WORDS=(nomos-mcp config cl) COMP_CWORD=2; _shtab_nomos_mcp; echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30, check=True)  # noqa: S607  whichever there is
    assert done.stdout.split() == ["claude-desktop", "claude-code"]


def test_a_mistyped_command_or_option_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ["nonsense"], ["--nonsense"], ["config"], ["config", "emacs"]:
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2
        assert "usage: nomos-mcp" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")
def test_a_reader_that_has_seen_enough_causes_no_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "nomos_mcp", "explain", "placed"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(writer)
    assert done.returncode == 1
    assert done.stderr == b""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_an_interrupt_ends_a_wait_for_the_network_at_once_and_without_a_traceback() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        environment = {**os.environ, "NOMOS_BASE_URL": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        process = subprocess.Popen(
            [sys.executable, "-m", "nomos_mcp", "doctor"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )
        connection, _ = silent.accept()  # from here on it waits for an answer that never comes
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
        connection.close()
    assert process.returncode == -signal.SIGINT
    assert err == b""


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["explain", "placed"], "\x1b[1mplaced"),
        (["explain", "--help"], "\x1b[1mexamples:\x1b[0m"),
        (["--help"], "\x1b[32mNOMOS_CLIENT_ID\x1b[0m"),
    ],
    ids=["explain", "help of a command", "help"],
)
@pytest.mark.skipif(sys.version_info >= (3, 14), reason="argparse colours help texts itself, in its own colours")
def test_what_people_read_is_coloured_on_a_terminal_unless_they_say_no(
    arguments: list[str], shown: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    with contextlib.suppress(SystemExit):
        main(arguments)
    assert shown in capsys.readouterr().out
    monkeypatch.setenv("TERM", "dumb")
    with contextlib.suppress(SystemExit):
        main(arguments)
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [["--version"], ["--help"], ["config", "cursor", "--demo"], ["explain", "placed"]]
)
def test_nothing_is_coloured_in_a_pipe(arguments: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", "nomos_mcp", *arguments], capture_output=True, timeout=60, check=True)
    assert b"\x1b" not in done.stdout + done.stderr
