from __future__ import annotations

import itertools
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealer.hosts.launcher import (
    NOT_STARTED,
    Input,
    Ready,
    find_ready,
    launch_command,
    launch_words,
    script_input,
    stream_input,
    terminal_command,
)
from sealer.hosts.output import Frame

SHELLS = [("dash",), ("bash",), ("bash", "--posix"), ("busybox", "sh")]
every_shell = pytest.mark.parametrize("shell", SHELLS, ids=" ".join)


def start(shell: tuple[str, ...], data: bytes) -> tuple[int, bytes, bytes]:
    """Run the launcher in a shell; return its status, and output and errors behind its ready lines."""
    *_, program = launch_words()
    done = subprocess.run([*shell, "-c", program], input=data, capture_output=True, check=False, timeout=60)
    output, errors = find_ready(done.stdout), find_ready(done.stderr)
    assert output is not None
    assert errors is not None
    return done.returncode, output[1], errors[1]


def framed(mark: bytes, data: bytes) -> tuple[int | None, bytes]:
    """Return the status and the bytes that stand between a script's marks."""
    found: list[bytes] = []
    frame = Frame(mark, found.append)
    frame.add(data)
    return frame.status, b"".join(found)


def launch(
    shell: tuple[str, ...], given: Input, *, before: bytes = b"", behind: bytes = b""
) -> tuple[int | None, bytes, bytes]:
    """Run one script by a launcher; return its status, output and errors."""
    _, stdout, stderr = start(shell, before + given.data + behind)
    status, output = framed(given.mark, stdout)
    same, errors = framed(given.mark, stderr)
    assert status == same
    return status, output, errors


@every_shell
def test_runs_a_script_and_passes_on_its_exit_status(shell: tuple[str, ...]) -> None:
    assert launch(shell, script_input("echo out; echo err >&2; exit 7")) == (7, b"out\n", b"err\n")


@every_shell
def test_the_status_of_the_last_command_counts_without_exit(shell: tuple[str, ...]) -> None:
    assert launch(shell, script_input("echo out\nfalse"))[0] == 1


@every_shell
def test_commands_can_not_eat_the_script(shell: tuple[str, ...]) -> None:
    script = "cat\nread -r line\nsh -c cat\nhead -n 1\necho whole\nexit 4"
    assert launch(shell, script_input(script)) == (4, b"whole\n", b"")


@every_shell
def test_a_large_script_runs(shell: tuple[str, ...]) -> None:
    lines = [f"value_{number}='{number} some text to make the line longer'" for number in range(8000)]
    script = "\n".join([*lines, 'echo "$value_7999"'])
    assert len(script) > 300_000
    assert launch(shell, script_input(script))[1] == b"7999 some text to make the line longer\n"


@every_shell
def test_here_documents_quotes_and_backslashes_survive(shell: tuple[str, ...]) -> None:
    script = "cat <<'EOF'\nit's \\n $HOME `date` \"x\"  \t|\nEOF\nprintf '%s\\n' 'ä€'"
    assert launch(shell, script_input(script))[1] == 'it\'s \\n $HOME `date` "x"  \t|\nä€\n'.encode()


@every_shell
def test_a_script_may_end_in_a_comment(shell: tuple[str, ...]) -> None:
    assert launch(shell, script_input("echo a # done"))[:2] == (0, b"a\n")


@every_shell
@pytest.mark.parametrize("first", [b"", b"secret\n", b"sealer-script-not\n\n\n"])
def test_lines_ahead_of_the_mode_are_skipped(shell: tuple[str, ...], first: bytes) -> None:
    assert launch(shell, script_input("echo ran"), before=first) == (0, b"ran\n", b"")


@every_shell
def test_no_input_at_all_is_an_error(shell: tuple[str, ...]) -> None:
    assert start(shell, b"")[0] == NOT_STARTED


@every_shell
def test_one_launcher_runs_scripts_one_after_another(shell: tuple[str, ...]) -> None:
    given = [
        script_input(text) for text in ("x=1; cd /tmp; echo one; exit 3", "echo ${x-none}; pwd", "exec cat")
    ]
    last = stream_input("cat; exit 5")
    status, stdout, stderr = start(shell, b"".join(each.data for each in given) + last.data + b"rest")
    assert [framed(each.mark, stdout) for each in given] == [(3, b"one\n"), (0, b"none\n/\n"), (0, b"")]
    assert framed(last.mark, stdout) == (5, b"rest")
    assert [framed(each.mark, stderr) for each in given] == [(3, b""), (0, b""), (0, b"")]
    assert status == 5


@every_shell
def test_a_script_that_is_no_sh_ends_alone(shell: tuple[str, ...]) -> None:
    broken, next_one = script_input("if"), script_input("echo next")
    _, stdout, _ = start(shell, broken.data + next_one.data)
    assert framed(broken.mark, stdout)[0] not in {0, None}
    assert framed(next_one.mark, stdout) == (0, b"next\n")


@every_shell
def test_a_script_reads_its_stream(shell: tuple[str, ...]) -> None:
    data = b"\0\1\nbinary\r\n" * 50_000
    status, output, _ = launch(shell, stream_input("printf 'a\\\\b\\n'\nwc -c"), behind=data)
    assert (status, output.split()) == (0, [b"a\\b", str(len(data)).encode()])


@every_shell
def test_a_stream_that_looks_like_a_script_is_data(shell: tuple[str, ...]) -> None:
    data = script_input("echo no").data
    assert launch(shell, stream_input("cat"), behind=data)[1] == data


@every_shell
def test_the_first_bytes_of_a_stream_are_not_lost(shell: tuple[str, ...]) -> None:
    assert launch(shell, stream_input("exec cat"), behind=b"\n\nx")[1] == b"\n\nx"


@pytest.mark.parametrize("make_input", [script_input, stream_input])
def test_nothing_of_a_script_is_in_an_argument_list(make_input: Callable[[str], Input]) -> None:
    script = "p=hunter2; tr '\\0' '\\n' < /proc/$$/cmdline"
    _, output, _ = launch(("dash",), make_input(script))
    assert b"sealer-stream" in output
    assert b"hunter2" not in output


def test_a_script_with_a_nul_is_refused() -> None:
    with pytest.raises(ValueError, match="NUL"):
        script_input("echo \0")
    with pytest.raises(ValueError, match="NUL"):
        stream_input("echo \0")


def test_the_command_line_suits_any_login_shell() -> None:
    command = launch_command(("sudo", "-p", "", "--"))
    assert shlex.split(command) == ["exec", *launch_words(("sudo", "-p", "", "--"))]
    assert "\n" not in command
    assert "!" not in command


@every_shell
def test_a_prefix_that_insists_on_a_terminal_gets_one_and_bytes_stay_as_they_are(
    shell: tuple[str, ...], tmp_path: Path
) -> None:
    picky = tmp_path / "picky"
    picky.write_text('#!/bin/sh\n( : </dev/tty ) || exit 99\n[ -z "$1" ] || exit 98\nshift\nexec "$@"\n')
    picky.chmod(0o755)

    def run(command: str, data: bytes) -> subprocess.CompletedProcess[bytes]:
        argv = [*shell, "-c", command]
        # A session of its own has no terminal, wherever the tests were started.
        return subprocess.run(argv, input=data, capture_output=True, start_new_session=True, check=False)

    prefix = (str(picky), "")
    assert run(launch_command(prefix), script_input(":").data).returncode == 99
    sent = bytes(range(256)) * 64
    given = stream_input("cat; echo err >&2; exit 7")
    done = run(terminal_command(prefix), given.data + sent)
    assert done.returncode == 7
    assert framed(given.mark, done.stdout) == (7, sent)
    assert framed(given.mark, done.stderr) == (7, b"err\n")


@pytest.mark.parametrize("shell", [("dash",), ("bash",), ("busybox", "sh")], ids=" ".join)
def test_a_script_that_is_cut_off_anywhere_does_nothing(shell: tuple[str, ...]) -> None:
    script = """\
echo one
if true; then echo two; fi
f() { echo three; }; f
( echo four )
{ echo five; }
cat <<END
six
END
case x in x) echo seven;; esac
"""
    whole = script_input(script)

    # From its closing brace on the script is whole.
    @settings(max_examples=60)
    @given(st.integers(0, whole.data.rindex(b"}")))
    def check(length: int) -> None:
        cut = Input(data=whole.data[:length], mark=whole.mark)
        assert launch(shell, cut)[1] == b""

    check()


def test_any_bytes_come_through_a_stream() -> None:
    @settings(max_examples=40)
    @given(st.binary(max_size=3000))
    def check(data: bytes) -> None:
        assert launch(("dash",), stream_input("cat"), behind=data)[1] == data

    check()


def test_the_ready_line_is_found_behind_any_noise() -> None:
    @given(st.binary(max_size=200).filter(lambda noise: b"sealer-ready" not in noise), st.binary(max_size=50))
    def check(noise: bytes, rest: bytes) -> None:
        assert find_ready(noise + b"\nsealer-ready 42\n" + rest) == (Ready(process=42, root=False), rest)
        assert find_ready(noise + b"\nsealer-ready 7 root\n" + rest) == (Ready(process=7, root=True), rest)
        assert find_ready(noise) is None

    check()


@given(
    st.binary(max_size=200),
    st.lists(st.integers(0, 300), max_size=6),
    st.sampled_from([b"", b"seal", b"sealer-0 ", b"sealer-01", b"sealer-0\n", b"sealer-0 12345\n"]),
)
def test_what_stands_between_marks_is_found_however_it_is_cut(
    content: bytes, cuts: list[int], tail: bytes
) -> None:
    mark = b"sealer-0"
    content += tail
    whole = b"noise\n" + mark + b"\n" + content + mark + b" 17\nmore"
    found: list[bytes] = []
    frame = Frame(mark, found.append)
    places = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    for begin, end in itertools.pairwise(places):
        frame.add(whole[begin:end])
    assert (frame.status, b"".join(found)) == (17, content)


@every_shell
def test_a_script_finds_neither_itself_nor_its_mark_in_variables(shell: tuple[str, ...]) -> None:
    given = script_input("set; echo $#")
    _, stdout, _ = start(shell, given.data)
    assert stdout.count(given.mark) == 2
    assert b"echo $#" not in stdout
    assert framed(given.mark, stdout)[1].endswith(b"\n0\n")
