"""Builds the modules of each area, in C and in Swift, as an author outside this repository would.

An area is a folder with mod.c and a target of the package swift/; both behave alike, and one body of
expectations runs on both.
"""

import lzma
import os
import pathlib
import shutil
import subprocess
import tarfile
from dataclasses import dataclass

import pytest
from support.building import compile_shared
from support.server import DISTRIBUTION, PROJECT, world_readable_directory

HERE = pathlib.Path(__file__).resolve().parent
LANGUAGES = ("c", "swift")
#: The same modules as they were built against ABI 1.0, and never again.
FROZEN = ("c-1.0", "swift-1.0")

#: The server's own runtime: no rpath of the toolchain, no library that the distribution does not hold.
SWIFT_FLAGS = (
    "-Xswiftc -no-toolchain-stdlib-rpath"
    " -Xswiftc -Xfrontend -Xswiftc -disable-implicit-concurrency-module-import"
    " -Xswiftc -Xfrontend -Xswiftc -disable-implicit-string-processing-module-import"
).split()


@dataclass
class Built:
    """A module file of one area in one language."""

    area: str
    language: str
    file: pathlib.Path

    def load(self, *parts):
        """LoadModule lines for the modules abi_AREA_module, or abi_AREA_PART_module for each part."""
        names = [f"abi_{self.area}_{part}_module" for part in parts] or [f"abi_{self.area}_module"]
        return "".join(f"LoadModule {name} {self.file}\n" for name in names)


@pytest.fixture(scope="session")
def scratch():
    """A directory that workers can enter, for the products of this session."""
    path = world_readable_directory()
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def swift_products():
    """The Swift package built once; SwiftPM finds out what is new."""
    package, products = HERE / "swift", PROJECT / ".build-abi"
    line = [os.environ.get("SWIFT", "swift"), "build", "-c", "release", "--package-path", str(package)]
    line += ["--scratch-path", str(products), *SWIFT_FLAGS]
    done = subprocess.run(
        line,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1800,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    return products / "release"


@pytest.fixture(scope="session")
def build(scratch, request):
    """Makes the module of an area in a language, once."""
    made = {}

    def make(area, language):
        if (area, language) not in made:
            file = scratch / f"mod_abi_{area}_{language}.so"
            if language in FROZEN:
                shutil.copy(request.getfixturevalue("frozen").area(area, language), file)
            elif language == "c":
                flags = (f"-I{DISTRIBUTION / 'include'}", f"-I{HERE}", "-fvisibility=hidden", "-pthread")
                compile_shared(HERE / area / "mod.c", file, *flags)
            else:
                shutil.copy(request.getfixturevalue("swift_products") / f"libabi_{area}.so", file)
            file.chmod(0o755)
            made[area, language] = Built(area, language, file)
        return made[area, language]

    return make


class Frozen:
    """Modules that were built once: Tests/ABI/frozen/make. They are unpacked where workers can read them."""

    def __init__(self, scratch):
        self.folder = HERE / "frozen" / "1.0"
        self._scratch = scratch

    @property
    def swift_release(self):
        """Of the compiler that the modules on the shared runtime were built by."""
        (archive,) = self.folder.glob("swift-*-shared.tar.xz")
        return archive.name.split("-")[1]

    def archive(self, name):
        """The folder of a packed one."""
        target = self._scratch / f"frozen-{name}"
        if not target.exists():
            with tarfile.open(self.folder / f"{name}.tar.xz") as packed:
                packed.extractall(target)
            target.chmod(0o755)
        return target

    def file(self, name):
        """A packed file that stands by itself."""
        target = self._scratch / f"frozen-{name}"
        if not target.exists():
            target.write_bytes(lzma.decompress((self.folder / f"{name}.xz").read_bytes()))
            target.chmod(0o755)
        return target

    def area(self, area, language):
        if language.startswith("swift"):
            release = self.swift_release
            if f"Swift: {release}\n" not in subprocess.run([DISTRIBUTION / "bin/apus", "-V"], capture_output=True, text=True).stdout:
                pytest.skip(f"needs a server that was built by Swift {release}")
            language = f"swift-{release}-shared"
        else:
            language = "c"
        file = self.archive(language) / f"{area}.so"
        if not file.exists():
            pytest.skip(f"{area} is a draft, or newer than ABI 1.0")
        return file


@pytest.fixture(scope="session")
def frozen(scratch):
    return Frozen(scratch)


@pytest.fixture(autouse=True)
def since(request):
    """A test that is marked since("1.1") is about something that modules of ABI 1.0 do not have."""
    if request.node.get_closest_marker("since") and "language" in request.fixturenames:
        if request.getfixturevalue("language") in FROZEN:
            pytest.skip("newer than ABI 1.0")


@pytest.fixture(scope="module", params=LANGUAGES + FROZEN)
def language(request):
    return request.param


@pytest.fixture(scope="module")
def module(request, build, language):
    """The module of the test file's AREA, in each language."""
    return build(request.module.AREA, language)
