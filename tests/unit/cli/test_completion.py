"""`modelwatch completion`: the shells themselves complete with what it prints."""

import shutil
import subprocess

import pytest

from modelwatch.cli.main import main


@pytest.fixture
def script(capsys, tmp_path):
    """Return a function that writes a shell's script to a file and returns its path."""

    def write(shell):
        assert main(["completion", shell]) == 0
        path = tmp_path / f"completion.{shell}"
        path.write_text(capsys.readouterr().out, encoding="utf-8")
        return path

    return write


def completions(script, *words):
    """Return what bash offers for the last of the words."""
    program = """
        source "$1"; shift
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
        complete -p modelwatch >/dev/null || exit 1
        _shtab_modelwatch modelwatch "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
        printf '%s\\n' "${COMPREPLY[@]}"
        """
    command = ["bash", "--norc", "-c", program, "bash", script, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["modelwatch", "mo"], ["models"]),
        (["modelwatch", "models", "ver"], ["versions", "verify"]),
        (["modelwatch", "watch", "--modelP"], ["--modelPath"]),
        (["modelwatch", "watch", "--model-p"], ["--model-path"]),
        (["modelwatch", "config", "sh"], ["show"]),
        (["modelwatch", "keys", "re"], ["revoke"]),
        (["modelwatch", "teams", "join", "vision", "anna", "--role", "w"], ["writer"]),
        (["modelwatch", "users", "add", "anna", "--passwordFile", "fi"], ["file.yaml"]),
        (["modelwatch", "watch", "--modelType", "T"], ["Tensorflow"]),
        (["modelwatch", "watch", "--log-level", "w"], ["warning"]),
        (["modelwatch", "watch", "--modelPath", "fo"], ["folder"]),
        (["modelwatch", "watch", "--config", "fi"], ["file.yaml"]),
    ],
)
def test_bash_completes_commands_options_and_values(script, words, offered, tmp_path, monkeypatch):
    """The script, loaded by bash, offers what fits the word that is being typed: both spellings, choices, folders and files."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.yaml").touch()
    (tmp_path / "forms").touch()
    monkeypatch.chdir(tmp_path)
    assert sorted(completions(script("bash"), *words)) == sorted(offered)


@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_other_shells_get_a_script_that_they_can_read(script, shell):
    """It names the command, and the shell finds no error in it where it is installed."""
    path = script(shell)
    assert "modelwatch" in path.read_text("utf-8")
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here to read it")
    subprocess.run([shell, "-n", path], check=True)
