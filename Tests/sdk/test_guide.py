"""Every snippet of the module guide compiles, is fit, and does what the guide shows."""

import re

import pytest
from support import wire
from support.server import DISTRIBUTION, PROJECT

from .conftest import needs

GUIDE = (PROJECT / "docs" / "module-guide.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


def block(language, mark):
    """The only block of a language that holds a mark."""
    (text,) = [text for kind, text in BLOCKS if kind == language and mark in text]
    return text


#: Files of each package of the guide.
PACKAGES = {
    "greet": ("c", {"mod_greet.c": block("c", "GreetName")}),
    "hello_swift": (
        "swift",
        {
            "Package.swift": block("swift", "swift-tools-version"),
            "Sources/Hello/Hello.swift": block("swift", "final class Hello"),
            "module.map": block("", "global: apus_module_entry"),
        },
    ),
    "patient": (
        "swift",
        {
            "Package.swift": block("swift", "swift-tools-version").replace("ModuleKit", "AsyncKit").replace("mod_hello_swift", "mod_patient"),
            "Sources/Hello/Patient.swift": block("swift", "final class Patient"),
            "module.map": block("", "global: apus_module_entry"),
        },
    ),
    "hello_rust": (
        "rust",
        {
            "Cargo.toml": block("toml", "cdylib").replace("/usr/local/apus", str(DISTRIBUTION)) + "\n[workspace]\n",
            "src/lib.rs": block("rust", "HelloRustName"),
        },
    ),
}


@pytest.fixture(scope="session")
def built(author):
    made = {}

    def build(name):
        language, files = PACKAGES[name]
        needs(language)
        if name not in made:
            for path, text in files.items():
                target = author.directory / f"guide_{name}" / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text)
            environment = {"APUS_SDK": str(DISTRIBUTION / "sdk" / "modulekit")}
            author.module("build", directory=f"guide_{name}", environment=environment)
            made[name] = author.directory / f"guide_{name}" / f"mod_{name}.so"
        return made[name]

    return build


def test_every_block_of_code_is_in_a_package():
    code = [text for kind, text in BLOCKS if kind in ("c", "swift", "rust", "toml")]
    used = [text for _, files in PACKAGES.values() for text in files.values()]
    # The manifest for Swift serves two modules.
    assert len(code) + 1 == len([text for text in used if "global:" not in text])


@pytest.mark.parametrize("name", PACKAGES)
def test_it_is_fit(author, built, name):
    handler = name.replace("_", "-")
    text = author.module("check", "--handler", handler, built(name))
    assert re.search(r"^verdict: \w+ is fit$", text, re.MULTILINE), text


def test_the_verdict_that_the_guide_shows(author, built):
    shown = block("", "$ apus module check mod_greet.so\n")
    built("greet")
    assert author.module("check", "mod_greet.so", directory="guide_greet") == shown.split("\n", 1)[1]


def test_the_module_in_c(apus, built):
    config = "".join(text for kind, text in BLOCKS if kind == "apache" and "greet" in text)
    with apus(config.replace("modules/mod_greet.so", str(built("greet")))) as server:
        assert wire.fetch(server.port, wire.get("/greet")).body == b"everybody"
        assert wire.fetch(server.port, wire.get("/greet/me")).body == b"a good friend"
        assert wire.fetch(server.port, wire.get("/greet", method="POST")).status in (405, 411)


def test_the_module_in_swift(apus, built):
    config = block("apache", "hello_swift_module")
    with apus(config.replace("modules/mod_hello_swift.so", str(built("hello_swift")))) as server:
        assert wire.fetch(server.port, wire.get("/hello")).body == b"hello reader\n"


def test_the_module_that_waits(apus, built):
    with apus(f'LoadModule patient_module {built("patient")}\n<Location "/">\nSetHandler patient\n</Location>\n') as server:
        assert wire.fetch(server.port, wire.get("/")).body == b"worked on 0 bytes\n"


def test_the_module_in_rust(apus, built):
    config = f'LoadModule hello_rust_module {built("hello_rust")}\nHelloRustName outer\n<Location "/hello">\nSetHandler hello-rust\n</Location>\n'
    with apus(config) as server:
        assert wire.fetch(server.port, wire.get("/hello")).body == b"hello outer\n"


def test_the_mistake_that_the_guide_shows(configured, built):
    server = configured(f"LoadModule greet_module {built('greet')}\nGreetName a b\n")
    done = server.run("-t")
    assert "GreetName: takes one argument, but 2 are given" in done.stderr
    assert "hint: usage: GreetName whom to greet" in done.stderr


@pytest.mark.parametrize("page", ["module-guide.md", "module-porting.md", "module-reference.md"])
def test_links_lead_somewhere(page):
    text = (PROJECT / "docs" / page).read_text()
    for target in re.findall(r"\]\(([^)#]+\.md)", text):
        assert (PROJECT / "docs" / target).exists(), target


def test_names_of_the_porting_page_exist():
    """The right-hand columns name constants and functions that the headers have."""
    reference = (PROJECT / "docs" / "module-reference.md").read_text()
    text = (PROJECT / "docs" / "module-porting.md").read_text()
    for name in set(re.findall(r"\bAPUS_[A-Z0-9_]+\b", text)):
        assert name in reference, name
    for table, function in re.findall(r"`(config|request|server|hooks|functions|providers|pools|headers|body|filters|subrequest|logs|regex|expr|shm|mutex|tasks)->(\w+)", text):
        assert f"(*{function})" in reference, f"{table}->{function}"
