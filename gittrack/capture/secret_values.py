"""What a value under a secret's name tells: nothing, where it is kept, a word of an example, or the secret: pure."""

from __future__ import annotations

import re
from typing import Final

from gittrack.capture.lazy import Lazy
from gittrack.capture.scalars import word_set

# A name for what is elsewhere: of a variable, of a template, of another file.
_REFERENCE = Lazy(
    r"\$\w+|\$\{.*|\$\(.*|%\w+%|%\(\w+\)s|%[sdr]|.*(?:\{\{|\$\{|%\(\w+\)s|\{[\w.!:\[\]'\"]*\}).*|<[^<>]*>|!\w+.*|@\w+@|"
    r"\*+|•+|-+|\?+|\.\.\.|…|(?:env|vault|file|ssm|aws|gcp|azure|sm|op|secret|var|local|data|module)[:.].*",
    re.DOTALL,
)
_EXAMPLES: Final = word_set(
    """
    password passwd passphrase passcode passw0rd pass pwd pw secret secrets sekrit geheim token key apikey user
    username usr admin administrator root guest test tests testing tester tester dev development debug local
    localhost demo example sample dummy fake mock foo bar baz foobar qux quux spam eggs ham abc abcd abcde abcdef
    abcdefg xyz qwerty letmein hunter string str text int bool bytes none null nil undefined true false yes no on off
    default empty optional required value val bad badpw wrong invalid incorrect correct valid good good old new my your
    the a b c x y z me some any tiger scott postgres postgresql mysql mongo redis rabbitmq minio minioadmin airflow
    inherit disabled enabled basic bearer deadbeef cafebabe changeit changeme change hello world placeholder
    redacted super very long random this is not for unknown todo tbd config credentials auth login access api client
    """
)
# In the middle of a value, too, these say that it is none.
_SAID: Final = word_set(
    """
    example placeholder changeme change-me change_me change-this change_this redacted xxxx dummy your- your_ yourkey
    yourtoken yourpass yoursecret insert replace not-a-real not_a_real notreal fake 123456789 abcdefgh 00000000
    sample goes-here goes_here invalid
    """
)
_WORDS: Final = Lazy(r"[A-Za-z]+")
_RUN: Final = Lazy(r"[A-Z]?[a-z]{3,}|[A-Z]{4,}")
_CLUSTER: Final = Lazy(r"[bcdfghjklmnpqrstvwxz]{4}|[jqvxz][bcdfghjklmnpqrstvwxz]|[bcdfghjklmnpqrtvwxz][jqx]")
_PATTERN: Final = Lazy(r".*(?:\(\?|\[\^?[a-zA-Z]-|\\[wds]|\.\*|\.\+).*", re.DOTALL)
_SPECIAL: Final = frozenset("!@#$%^&*+?~")
_LEAST: Final = 8  # characters


def is_reference(value: str) -> bool:
    """Whether `value` says where a secret is kept, or leaves a place for it: `${TOKEN}`, `{{ x }}`, `<token>`."""
    return _REFERENCE.re.fullmatch(value) is not None


def is_example(value: str) -> bool:
    """Whether everybody who writes an example writes that: `secret`, `changeme`, `test123`, `xxxxxxxx`, `1234`."""
    lower = value.lower()
    words = _WORDS.re.findall(lower)
    if not words:
        return len(set(value)) <= 3 or value.strip() in "0123456789" or value in "9876543210"
    if any(said in lower for said in _SAID) or len(set(lower)) <= 3:
        return True
    return all(word in _EXAMPLES for word in words) and sum(char.isdigit() for char in value) <= 4


def looks_secret(value: str) -> bool:
    """Whether `value` looks made by a generator, or like a good password: no word, name, path, number or prose."""
    if len(value) < _LEAST or any(char.isspace() for char in value) or is_reference(value) or is_example(value):
        return False
    if len(set(value)) < 6 or _PATTERN.re.fullmatch(value) or not any(char.isalpha() for char in value):
        return False
    lower, upper = any(map(str.islower, value)), any(map(str.isupper, value))
    digits, special = any(map(str.isdigit, value)), not _SPECIAL.isdisjoint(value)
    words = sum(len(run) for run in _RUN.re.findall(value) if _is_pronounceable(run.lower())) / len(value)
    if lower and upper and digits and special:
        return words < 0.8
    if value[0] in "/.~" and words > 0.25:
        return False
    if digits:
        return words < 0.5
    return lower and upper and (special or len(value) >= 20) and words < 0.4


def _is_pronounceable(run: str) -> bool:
    """Whether letters read like a word or two: a generator puts few vowels between many consonants."""
    vowels = sum(letter in "aeiouy" for letter in run)
    return 0.22 <= vowels / len(run) <= 0.75 and not _CLUSTER.re.search(run)
