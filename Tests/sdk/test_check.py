"""`apus module check` names the flaw of each broken module, and finds none in good ones."""

import pathlib
import re
import subprocess

import pytest
from support.server import DISTRIBUTION

from .conftest import APUS, needs

BROKEN = pathlib.Path(__file__).resolve().parent / "broken" / "flaws.c"
PROVIDERS = BROKEN.with_name("providers.c")

#: Each flaw of broken/flaws.c: its code, and what the line about it must say.
FLAWS = {
    "OVERRUN": ("error", "overrun", "behind the end of a string of a request, in handle"),
    "KEPT_WORD": ("error", "use-after-free", "a word of a directive"),
    "MERGE_WRITES": ("error", "merge-writes", "writes to memory of a configuration, in merge"),
    "RESUMED_TWICE": ("error", "resumed-twice", "a second time"),
    "NEVER_RESUMED": ("warning", "never-resumed", "hook fixups"),
    "AFTER_CANCEL": ("error", "use-after-free", "memory of a request when its time is over, in expired"),
    "THREAD_IN_ATTACH": ("error", "threads-before-fork", "in attach"),
    "WRONG_THREAD": ("error", "wrong-thread", "tasks.timer"),
    "LEAK": ("error", "leak", "hook handler leaves about"),
    "NO_MEMORY": ("warning", "out-of-memory", "in handle"),
    "NULL_TABLE": ("error", "null-table", "apus.log/1"),
    "SILENT": ("error", "silent-refusal", "FlawName"),
    "CHECK_MAKES": ("error", "check-makes", "shared memory"),
    "IGNORES_REFUSAL": ("warning", "ignored-refusal", "attach answers 0"),
    "POOL_OVERRUN": ("error", "overrun", "behind the end of 20 bytes"),
    "NO_ANSWER": ("error", "no-answer", "has sent nothing"),
    "LOSES_END": ("error", "filter-end", "output filter FLAW"),
    "DESCRIPTORS": ("error", "descriptor-leak", "hook handler"),
    "UNDECLARED": ("warning", "undeclared-extension", "apus.server/1"),
    "CRASH": ("error", "crash", "NULL as a pointer, in handle"),
    "BEYOND": ("error", "beyond-table", "behind the end of a table"),
    "EXITS": ("error", "crash", "ends the process with exit status 0, in handle"),
    "HANGS": ("error", "hang", "does not come back"),
}


#: The same for broken/providers.c.
PROVIDER_FLAWS = {
    "STATUS_NAME": ("error", "bad-name", "Two Words"),
    "FIGURE_NAME": ("error", "bad-name", "figure things: counters"),
    "FIGURE_ORDER": ("error", "bad-name", "comes again"),
    "TAP_KEEPS": ("error", "use-after-free", "bytes of a connection, valid during the call"),
    "PREFACE_GREEDY": ("error", "bad-status", "takes more than there is"),
    "PROTOCOL_DEAF": ("error", "descriptor", "protocol/0.1"),
    "TRANSPORT_OVERREADS": ("error", "overrun", "reads more than there is room for"),
    "STORE_STATUS": ("error", "bad-status", "load of mine answers 7"),
    "CODEC_LOSSY": ("error", "filter-lost", "does not decode what it encoded"),
    "UPSTREAM_CLOSES": ("error", "wrong-handle", "closes the socket"),
}


@pytest.fixture
def check(author, tmp_path):
    """Builds flaws.c with a flaw, checks it, and returns the status and the text."""

    def run(flaw, source=BROKEN):
        file = tmp_path / f"mod_{flaw.lower()}.so"
        line = ["cc", "-shared", "-fPIC", "-fvisibility=hidden", "-g", "-O1", "-w", f"-DFLAW={flaw}", "-pthread"]
        subprocess.run([*line, f"-I{DISTRIBUTION / 'include'}", "-o", file, source], check=True, timeout=120)
        done = author.run(APUS, "module", "check", file, timeout=300)
        return done.status, done.output

    return run


def test_no_flaw(check):
    status, text = check("NONE")
    assert status == 0, text
    assert "verdict: flaw_module is fit\n" in text
    assert "error" not in text and "warning" not in text
    for line in ("hooks       handler, fixups (MAY_SUSPEND), access_checker (MAY_BLOCK), open_config", "filters     FLAW (output)"):
        assert line in text
    assert "directive   FlawName: a name" in text


def test_no_flaw_of_a_provider(check):
    status, text = check("NONE", PROVIDERS)
    assert status == 0, text
    assert "verdict: flaw_module is fit\n" in text
    assert "note: it uses the draft apus.wire/0.1" in text
    assert "not tried" not in text


@pytest.mark.parametrize("flaw", [*FLAWS, *PROVIDER_FLAWS])
def test_each_flaw_is_named(check, flaw):
    severity, code, words = {**FLAWS, **PROVIDER_FLAWS}[flaw]
    status, text = check(flaw, BROKEN if flaw in FLAWS else PROVIDERS)
    lines = [line for line in text.splitlines() if line.endswith(f"[{code}]")]
    assert lines, text
    assert any(line.startswith(f"{severity}: ") and words in line for line in lines), text
    assert status == (1 if severity == "error" else 0)
    assert ("not fit to be loaded" if severity == "error" else "fit, with warnings") in text
    found = lines[0]
    after = text[text.index(found) + len(found) :].splitlines()[1:4]
    assert [line.split(":")[0].strip() for line in after] == ["while", "why", "help"]
    # One flaw, one verdict about it: nothing else is an error.
    others = {re.search(r"\[([\w-]+)\]$", line)[1] for line in text.splitlines() if line.startswith("error: ")}
    assert others <= {code}, text


@pytest.mark.parametrize("language", ["c", "swift", "rust"])
def test_what_new_makes_is_fit(author, language):
    needs(language)
    name = f"fit_{language}"
    author.module("new", name, "--lang", language)
    author.module("build", directory=name)
    text = author.module("check", f"{name}/mod_{name}.so")
    assert f"verdict: {name}_module is fit\n" in text, text


@pytest.mark.parametrize("file", sorted((DISTRIBUTION / "modules").glob("*.so")), ids=lambda path: path.name)
def test_our_own_modules_are_fit(author, file):
    done = author.run(APUS, "module", "check", "--quiet", file, timeout=300)
    assert done.status == 0, done.output


def test_what_is_no_module(author, tmp_path):
    subprocess.run(["cc", "-shared", "-fPIC", "-o", tmp_path / "mod_none.so", "-x", "c", "/dev/null"], check=True, timeout=60)
    done = author.run(APUS, "module", "check", tmp_path / "mod_none.so")
    assert done.status == 1 and "exports no apus_module_entry" in done.output
