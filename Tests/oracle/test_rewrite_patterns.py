"""Random patterns against random paths, on Apus and on Debian's apache2: the same rules must match.

Apus asks cheaper questions before it runs an expression; what they exclude must be what does not match.
"""

import random

import pytest

from support.oracle import ask
from support.waiting import wait_until
from support.wire import get

PIECES = [
    "a", "b", "ab", "/", "/a", "ba/", r"\.", "-", "1", "[ab]", "[^/]", "[^/]+", ".", ".*", ".+?", "(a|b)", "(ab)?", "(?:a/)", "(?!b)",
    "a+", "b*", "a?", "a{2}", "b{0,1}", r"\d", r"\w+", r"\/", "(/|$)", "(a(b|/)){1,2}", "[[:alpha:]]", "[]a]", r"[\]a]", "(?i)A", "(?i:B)",
    r"\ba", "a{,2}", r"\x61", r"\Qa.b\E", "(a)?", "(a)*", "(?=a)", "(?<=a)b", r"(a)\1", "a|b", r"a\|b",
]  # fmt: skip
PATTERNS = 400
PATHS = 60


def patterns():
    source = random.Random(71)
    for _ in range(PATTERNS):
        text = "".join(source.choice(PIECES) for _ in range(source.randint(1, 5)))
        text = source.choice(["", "^", "^", "^/"]) + text + source.choice(["", "$", ""])
        yield source.choice(["", "", "", "!"]) + text, source.choice(["", "", ",NC"])


def paths():
    source = random.Random(17)
    for _ in range(PATHS):
        yield "/" + "".join(source.choice("aab/b.-1AB") for _ in range(source.randint(0, 9))).replace("/.", "/a")


def outcomes(kind, config):
    with kind(config, modules=("authz_core", "dir", "log_config", "rewrite")) as server:
        for number, path in enumerate(paths()):
            ask(server, get(path, f"X-Number: {number}").decode())
        log = server.root / "logs" / "rewrite.log"
        wait_until(lambda: log.exists() and log.read_text().count("\n") == PATHS, "the log")
        return dict(line.rsplit("#", 1)[::-1] for line in log.read_text().splitlines())


@pytest.fixture(scope="module")
def config():
    rules = "".join(
        f'RewriteRule "{text}" - [E=A:%{{ENV:A}}.{number}{flags}]\n' for number, (text, flags) in enumerate(patterns())
    )
    return (
        'LogFormat "%{A}e#%{X-Number}i" rewrite\nCustomLog "@ROOT@/logs/rewrite.log" rewrite\nRewriteEngine On\n' + rules
    )


def test_the_same_rules_match(apus, apache, config):
    ours, theirs = outcomes(apus, config), outcomes(apache, config)
    texts = list(patterns())
    differences = [
        (path, texts[int(number)])
        for index, path in enumerate(paths())
        for number in set(ours[str(index)].split(".")) ^ set(theirs[str(index)].split("."))
        if number.isdigit()
    ]
    assert not differences
    assert any("." in value for value in ours.values())
