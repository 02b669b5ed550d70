"""<Macro>, Use and UndefMacro: what they expand to, and what is wrong with them, as Debian's apache2 sees it."""

import shutil

import pytest

from oracle.sites import Site, head, lay_out, name_of, questions, virtual_hosts
from support.oracle import Oracle
from support.server import DEFAULT_MODULES, refusal, world_readable_directory

MODULES = (*DEFAULT_MODULES, "macro")

#: Inside a virtual host, asked for these paths.
PATHS = ["/c.dat", "/sub/c.dat", "/missing", "/sub/missing"]
SITES = [
    Site("plain", "<Macro m1>\nForceType text/x-macro\n</Macro>\n<Location /sub>\nUse m1\n</Location>\n", PATHS),
    Site("values", '<Macro m2 $where $what>\n<Location "$where">\nForceType text/$what\n</Location>\n</Macro>\nUse m2 /sub x-one\nUse M2 /c.dat x-two\n', PATHS),
    Site("longest", '<Macro m3 $a $ab>\n<Location "/sub">\nForceType text/$ab-$a-$abc\n</Location>\n</Macro>\nUse m3 x y\n', PATHS),
    Site("percent", '<Macro m4 %x>\nErrorDocument 404 "<%x>"\n</Macro>\nUse m4 "a b"\n', PATHS),
    Site("quoted", "<Macro m5 @x>\nErrorDocument 404 @x\n</Macro>\nUse m5 'a \"b\" c'\n", PATHS),
    Site("unquoted-value", '<Macro m6 $x>\nErrorDocument 404 $x\n</Macro>\nUse m6 "/error.html"\n', PATHS),
    Site("bare", "<Macro m7 word>\nErrorDocument 404 /word\n</Macro>\nUse m7 error.html\n", PATHS),
    Site("nested-use", "<Macro inner $t>\nForceType text/$t\n</Macro>\n<Macro outer $p $t>\n<Location $p>\nUse inner $t\n</Location>\n</Macro>\nUse outer /sub x-nested\n", PATHS),
    Site("nested-definition", "<Macro m8 $t>\n<Macro m9>\n<Location /sub>\nForceType text/$t\n</Location>\n</Macro>\nUse m9\n</Macro>\nUse m8 x-inside\n", PATHS),
    Site("sections-across", "<Macro begin $p>\n<Location $p>\n</Macro>\n<Macro end>\n</Location>\n</Macro>\nUse begin /sub\nForceType text/x-across\nUse end\n", PATHS),
    Site("redefined", "<Macro m10>\nForceType text/x-first\n</Macro>\n<Macro m10>\nForceType text/x-second\n</Macro>\n<Location /sub>\nUse m10\n</Location>\n", PATHS),
    Site("undefined", "<Macro m11>\nForceType text/x-first\n</Macro>\nUndefMacro M11\n<Macro m11>\nForceType text/x-second\n</Macro>\n<Location /sub>\nUse m11\n</Location>\n", PATHS),
    Site("defined-variable", "Define TYPE_12 x-then\n<Macro m12>\nForceType text/${TYPE_12}\n</Macro>\nDefine TYPE_12 x-now\n<Location /sub>\nUse m12\n</Location>\n", PATHS),
    Site("value-in-a-variable", "Define TYPE_13 x-thirteen\n<Macro m13 $t>\nForceType text/$t\n</Macro>\n<Location /sub>\nUse m13 ${TYPE_13}\n</Location>\n", PATHS),
    Site("variable-by-value", "Define T_14_a x-fourteen\n<Macro m14 $(n)>\nForceType text/${T_14_$(n)}\n</Macro>\n<Location /sub>\nUse m14 a\n</Location>\n", PATHS),
    Site("conditional", "<Macro m15 $m>\n<IfModule $m>\nForceType text/x-there\n</IfModule>\n<IfModule !$m>\nForceType text/x-absent\n</IfModule>\n</Macro>\n<Location /sub>\nUse m15 alias_module\n</Location>\n<Location /c.dat>\nUse m15 no_module\n</Location>\n", PATHS),
    Site("in-a-skipped-part", "<IfDefine NO_SUCH>\n<Macro m16>\nNonsense\n</Macro>\nUse m16\n</IfDefine>\n<Location /sub>\nForceType text/x-after\n</Location>\n", PATHS),
    Site("continued", "<Macro m17 $t>\nForceType \\\ntext/$t\n</Macro>\n<Location /sub>\nUse m17 \\\nx-long\n</Location>\n", PATHS),
    Site("empty-value", '<Macro m18 $t>\nErrorDocument 404 "[$t]"\n</Macro>\nUse m18 ""\n', PATHS),
    Site("value-with-parameter", "<Macro m19 $a $b>\nErrorDocument 404 \"$a-$b\"\n</Macro>\nUse m19 $b $a\n", PATHS),
    Site("if-section", "<IfSection Macro>\n<Location /sub>\nForceType text/x-known\n</Location>\n</IfSection>\n<IfDirective Use>\n<Location /c.dat>\nForceType text/x-use\n</Location>\n</IfDirective>\n", PATHS),
    Site("htaccess", '<Directory "@HERE@">\nAllowOverride All\n</Directory>\n', PATHS, {"sub/.htaccess": "<Macro local $t>\nForceType text/$t\n</Macro>\nUse local x-htaccess\n"}),
    Site("htaccess-other", '<Macro server>\nForceType text/x-server\n</Macro>\n<Directory "@HERE@">\nAllowOverride All\n</Directory>\n', PATHS, {"sub/.htaccess": "Use server\n"}),
]  # fmt: skip


@pytest.fixture(scope="module")
def oracle(apus, apache):
    root = world_readable_directory()
    lay_out(root, SITES)
    with Oracle(apus, virtual_hosts(SITES), htdocs=root, modules=MODULES) as running:
        yield running
    shutil.rmtree(root)


@pytest.mark.parametrize("site, request_", questions(SITES), ids=name_of)
def test_same_answer(oracle, site, request_):
    oracle.compare(head(site, request_), ignore=["Connection"])


MISTAKES = {
    "Use nobody": "there is no macro nobody",
    "Use": "names no macro",
    "UndefMacro nobody": "there is no macro nobody",
    "<Macro m $a>\nServerAdmin $a\n</Macro>\nUse m": "takes 1 values, but 0 are given",
    "<Macro m>\nServerAdmin a\n</Macro>\nUse m x": "takes 0 values, but 1 are given",
    "<Macro m $a $a>\nServerAdmin $a\n</Macro>": "two parameters $a",
    "<Macro m>\nServerAdmin a": "<Macro> is never closed",
    "<Macro>\nServerAdmin a\n</Macro>": "names no macro",
    "<Macro m>\nUse m\n</Macro>\nUse m": "uses itself",
    "<Macro a>\nUse b\n</Macro>\n<Macro b>\nUse a\n</Macro>\nUse a": "uses itself",
    "<Macro m>\nNonsense\n</Macro>\nUse m": "unknown directive Nonsense",
    "<Macro m>\n<Location /x>\n</Macro>\nUse m": "<Location> is never closed",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_mistakes(apus, apache, text):
    assert MISTAKES[text] in refusal(apus, text + "\n", modules=MODULES)
    refusal(apache, text + "\n", modules=MODULES)


def test_a_mistake_in_a_body_names_both_places(apus):
    with apus("<Macro m $a>\nServerAdmin x\nTimeout $a\n</Macro>\n\nUse m often # here\nUse m never\n", start=False) as checked:
        text = checked.run("-t").stderr
        first = checked.line_of("<Macro m $a>")
        assert f"{checked.config_file}:{first + 2}:9: error: Timeout: \"never\" is not a time" in text
        assert f"used at {checked.config_file}:{checked.line_of('Use m never')}" in text


@pytest.mark.parametrize(
    "text, message",
    [
        ("<Macro m>\n</Macro>", "the macro m is empty"),
        ("<Macro m $a>\nServerAdmin x\n</Macro>", "does not use its parameter $a"),
        ("<Macro m a>\nServerAdmin a\n</Macro>", "begins with none of $ % @"),
        ("<Macro m>\nServerAdmin a\n</Macro>\n<Macro m>\nServerAdmin a\n</Macro>", "is defined already"),
    ],
)
def test_what_is_probably_wrong(apus, text, message):
    with apus(text, start=False) as checked:
        outcome = checked.run("-t")
        assert outcome.returncode == 0 and message in outcome.stderr
