"""Secrets are recognised by their names and by their shapes, and hyperparameters are not."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from project_files import ROOT

from modelwatch.lineage.command import from_argument, to_argument
from modelwatch.lineage.secrets import _WORDS, MASK, is_secret_name, masked, masked_command

SECRET_NAMES = (
    *(
        "password",
        "db-password",
        "DB_PASSWD",
        "api-key",
        "apiKey",
        "API_KEY",
        "apikey",
        "hf_token",
        "HFTOKEN",
        "authToken",
        "token",
    ),
    *("AWS_SECRET_ACCESS_KEY", "aws_access_key_id", "client-secret", "credentials", "GOOGLE_APPLICATION_CREDENTIALS", "passphrase"),
    *("private.key", "auth", "Authorization", "SENTRY_DSN", "wandb_api_key", "X-Amz-Signature", "sig", "cookie", "pwd"),
)
PLAIN_NAMES = (
    *("learning_rate", "LR", "batch-size", "epochs", "max_tokens", "tokenizer", "monitor", "passes", "author", "keyboard_layers"),
    *("EVAL_SECS", "TRAIN_EPOCHS", "significance", "pinned_memory", "sessions", "compass", "modelPath", "optimizer", "seed"),
)
SECRET = st.text(string.ascii_lowercase + string.digits + "!%^()*.~", min_size=8).filter(lambda text: "--" not in text)


def test_every_word_of_the_documented_rules_is_in_force():
    """docs/lineage.md tells the words by which a name is a secret's."""
    text = (ROOT / "docs" / "lineage.md").read_text("utf-8")
    rule = text[text.index("- **Names.**") : text.index("- **Values.**")]
    words = set(re.findall(r"\b[A-Z]{2,}\b", rule))
    assert len(words) > 20
    assert [word for word in words if not is_secret_name(word)] == []
    assert {word for word in _WORDS if not word.endswith("S") or word in {"PASS", "SAS", "CREDS"}} <= words


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_names_of_secrets(name):
    """In any spelling."""
    assert is_secret_name(name)
    assert is_secret_name(f"--{name}".upper().lstrip("-")) or name in {"apiKey", "authToken"}


@pytest.mark.parametrize("name", PLAIN_NAMES)
def test_names_of_other_things(name):
    """Hyperparameters that hold a part of such a word by chance are shown."""
    assert not is_secret_name(name)


@given(
    st.sampled_from(SECRET_NAMES),
    SECRET,
    st.sampled_from(["--{0}|{1}", "-{0}|{1}", "--{0}={1}", "{0}={1}", "--env={0}={1}", "-e|{0}={1}"]),
)
def test_a_secret_that_has_a_name_is_not_shown(name, secret, form):
    """However it is given on a command line; the words around it are."""
    command = ["python", "train.py", *form.format(name, secret).split("|"), "--epochs", "3"]
    shown = masked_command(command)
    assert not any(secret in word for word in shown)
    assert [*shown[:2], *shown[-2:]] == ["python", "train.py", "--epochs", "3"]


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("https://anna:hunter2@host/data?part=1", f"https://{MASK}@host/data?part=1"),
        ("postgres://anna:p@ss@host:5432/db", f"postgres://{MASK}@host:5432/db"),
        ("https://bucket/x?part=1&X-Amz-Signature=abc&y=2", f"https://bucket/x?part=1&X-Amz-Signature={MASK}&y=2"),
        ("--data=https://a:b@host/", f"--data=https://{MASK}@host/"),
        ("AKIA" + "ABCDEFGH12345678", MASK),
        ("--id=AKIA" + "ABCDEFGH12345678", f"--id={MASK}"),
        ("wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY", MASK),
        ("ghp_" + "a1B2" * 9, MASK),
        ("hf_" + "a1B2" * 8, MASK),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", MASK),
        ("-----BEGIN PRIVATE KEY-----\nabc", MASK),
        ("curl -H 'Authorization: Bearer abc' host", MASK),
        ('{"api_key":"a,b"}', MASK),
        ("export TOKEN=abc; python train.py --epochs 3", MASK),
        ("python train.py --password hunter2", MASK),
        ("optimizer.key=3", f"optimizer.key={MASK}"),
        ("git@github.com:owner/name.git", "git@github.com:owner/name.git"),
        ("d94a8fe5ccb19ba61c4c0873d391e987982fbbd3", "d94a8fe5ccb19ba61c4c0873d391e987982fbbd3"),
        ("/storage/models/experiment", "/storage/models/experiment"),
        ("lambda x: x * 2", "lambda x: x * 2"),
        ("python train.py --epochs 3 --lr=0.1", "python train.py --epochs 3 --lr=0.1"),
    ],
)
def test_words_with_and_without_secrets(word, shown):
    """What has a shape of its own is masked in place; where the end of a secret cannot be told, the whole word is."""
    assert masked(word) == shown


@given(st.text())
def test_masking_is_stable(text):
    """What is masked once is as it is when masked again."""
    assert masked(masked(text)) == masked(text)


@pytest.mark.parametrize("part", ["a", "a=", "a.", "-", "://", "a://", "@", "?a", "eyJ", "A1b", "-----BEGIN ", "key"])
def test_a_word_as_long_as_the_kernel_takes_is_masked_in_time_that_grows_with_its_length(part):
    """No expression goes back and forth over a word of 128 KiB."""
    assert len(masked(part * (131_000 // len(part)))) > 0


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=20), min_size=1, max_size=300))
def test_a_command_arrives_masked_and_of_bounded_length(command):
    """The argument of the agent fits on any command line."""
    words = from_argument(to_argument(command))
    assert list(words[:200]) == masked_command(command)[:200]
    assert len(words) <= 201


def test_a_huge_or_undecodable_command_is_cut_and_replaced():
    """A word of a megabyte is told by its beginning, and bytes that are no text by a replacement."""
    words = from_argument(to_argument(["python", "a" * 100_000, *["b" * 999] * 100, "\udcff"]))
    assert words[1] == "a" * 1000 + "…"
    assert sum(map(len, words)) < 18_000
    assert from_argument(to_argument(["\udcff"])) == ("\ufffd",)


@pytest.mark.parametrize("text", ["", "{}", "[]", "3", "["])
def test_an_argument_of_anything_else_is_refused(text):
    """The option is not for people."""
    with pytest.raises(ValueError, match=r"list of words|Expecting"):
        from_argument(text)
