"""Reads the headers of the contract: constants, handles, functions' types and structures, with their comments.

The headers' style is regular, and this reads no more than they use.
"""

import pathlib
import re
from dataclasses import dataclass, field

INCLUDE = pathlib.Path(__file__).resolve().parent.parent / "Sources" / "ModuleABI" / "include"

TOKEN = re.compile(r"\s*(?:(/\*.*?\*/)|([A-Za-z_]\w*)|(0x[0-9a-fA-F]+u?|\d+u?)|([-+*(),;{}|&]))", re.DOTALL)


@dataclass
class Type:
    """A named type, or with `target` a pointer to one."""

    name: str = ""
    is_const: bool = False
    target: object = None


@dataclass
class Function:
    """The type of a function."""

    result: object
    parameters: list  # of (name, type)


@dataclass
class Member:
    name: str
    type: object
    comment: str
    declaration: str


@dataclass
class Item:
    """Something that a header declares. `kind`: constant, handle, alias, function, struct or text."""

    kind: str
    name: str = ""
    comment: str = ""
    value: str = ""
    type: object = None
    members: list = field(default_factory=list)
    declaration: str = ""


@dataclass
class Header:
    name: str
    introduction: str
    items: list


def clean(comment):
    """A comment's text without its stars; `@param` and `@return` begin lines of their own."""
    text = re.sub(r"^/\*+<?|\*+/$", "", comment.strip())
    lines = [re.sub(r"^\s*\* ?", "", line).rstrip() for line in text.strip().split("\n")]
    return "\n".join(lines).strip()


class Declarations:
    """A parser for the declarations of one header, comments left in as tokens."""

    def __init__(self, text):
        self.tokens = [match for match in self._scan(text)]
        self.position = 0

    @staticmethod
    def _scan(text):
        position = 0
        while position < len(text) and text[position:].strip():
            match = TOKEN.match(text, position)
            if not match:
                raise SyntaxError(text[position : position + 80])
            position = match.end()
            yield match[0].strip()

    def peek(self, ahead=0):
        place = self.position + ahead
        return self.tokens[place] if place < len(self.tokens) else None

    def take(self, expected=None):
        token = self.peek()
        if expected is not None and token != expected:
            raise SyntaxError(f"{expected} expected, not {token} in {self.tokens[max(0, self.position - 8):self.position + 4]}")
        self.position += 1
        return token

    def base(self):
        is_const = False
        if self.peek() == "const":
            self.take()
            is_const = True
        if self.peek() == "struct":
            self.take()
        return Type(self.take(), is_const)

    def stars(self, inner):
        while self.peek() == "*":
            self.take()
            inner = Type(target=inner)
            if self.peek() == "const":
                self.take()
                inner.is_const = True
        return inner

    def declarator(self, base):
        """One declarator after a base type: (name, type)."""
        inner = self.stars(base)
        if self.peek() == "(":  # (*name)(parameters)
            self.take("(")
            self.take("*")
            name = self.take()
            self.take(")")
            return name, Type(target=Function(inner, self.parameters()))
        name = self.take() if re.match(r"[A-Za-z_]", self.peek() or "") else ""
        if self.peek() == "(":
            return name, Function(inner, self.parameters())
        return name, inner

    def parameters(self):
        self.take("(")
        found = []
        if self.peek() == "void" and self.peek(1) == ")":
            self.take()
        while self.peek() != ")":
            found.append(self.declarator(self.base()))
            if self.peek() == ",":
                self.take()
        self.take(")")
        return found


def read_members(body):
    """The members of a structure; a comment belongs to what follows it, one with `<` to what stands before."""
    parser = Declarations(body)
    members, before = [], ""
    fresh = []
    while parser.peek() is not None:
        if parser.peek().startswith("/*"):
            comment = parser.take()
            if comment.startswith("/**<"):
                for member in fresh:
                    member.comment = clean(comment)
            elif comment.startswith("/**"):
                before = clean(comment)
            continue
        start = parser.position
        base = parser.base()
        fresh = []
        while True:
            name, kind = parser.declarator(base)
            fresh.append(Member(name, kind, before, ""))
            if parser.peek() != ",":
                break
            parser.take()
        parser.take(";")
        text = spell(parser.tokens[start : parser.position - 1])
        for member in fresh:
            member.declaration = text
        members += fresh
        before = ""
    return members


def spell(tokens):
    """Tokens as C is written."""
    text = " ".join(token for token in tokens if not token.startswith("/*"))
    text = re.sub(r"\( ?\* (\w+) \) ?\(", r"(*\1)(", text)
    text = re.sub(r"\( ", "(", text)
    text = re.sub(r" ([),;])", r"\1", text)
    text = re.sub(r"\* (?=[\w*(])", "*", text)
    text = re.sub(r"(\w) \((?!\*)", r"\1(", text)
    return re.sub(r"\*(const) (?=\*)", r"*\1 ", text)


STRUCT = re.compile(r"(?:typedef )?struct (apus_\w+) \{(.*?)\n\}[^;]*;", re.DOTALL)
CONSTANT = re.compile(r"#define (APUS_\w+) +([^\n]*?)(?:\s*(/\*\*<.*?\*/))?[ \t]*(?=\n)", re.DOTALL)
TYPEDEF = re.compile(r"typedef ([^;{]*);(?:[ \t]*(/\*\*<.*?\*/))?", re.DOTALL)
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


def read(path):
    """One header, its items in their order."""
    text = path.read_text()
    introduction = clean(COMMENT.match(text)[0])
    items, position, comment = [], COMMENT.match(text).end(), ""
    while position < len(text):
        for pattern, make in ((STRUCT, _struct), (CONSTANT, _constant), (TYPEDEF, _typedef)):
            match = pattern.match(text, position)
            if match:
                item = make(match, comment)
                if item:
                    items.append(item)
                comment, position = "", match.end()
                break
        else:
            match = COMMENT.match(text, position)
            if match:
                if match[0].startswith("/**"):
                    comment = clean(match[0])
                else:
                    items.append(Item("text", comment=re.sub(r"^-+ *| *-+$", "", clean(match[0]))))
                    comment = ""
                position = match.end()
            else:
                position += 1
    return Header(path.relative_to(INCLUDE).as_posix(), introduction, items)


def _struct(match, comment):
    return Item("struct", match[1], comment, members=read_members(match[2]))


def _constant(match, comment):
    value = match[2].strip()
    if not value or value.startswith("__attribute__") or value.startswith("\\"):
        return None
    return Item("constant", match[1], clean(match[3]) if match[3] else comment, value)


def _typedef(match, comment):
    comment = clean(match[2]) if match[2] else comment
    parser = Declarations(match[1])
    if parser.peek() == "struct" and parser.peek(1) == parser.peek(2):
        return Item("handle", parser.peek(1), comment)
    name, kind = parser.declarator(parser.base())
    is_function = isinstance(kind, Function) or isinstance(getattr(kind, "target", None), Function)
    return Item("function" if is_function else "alias", name, comment, type=kind, declaration=spell(parser.tokens))


def headers():
    """The headers of ABI 1, the root first."""
    paths = [INCLUDE / "apus.h", *sorted((INCLUDE / "apus").glob("*.h"))]
    return [read(path) for path in paths if path.name != "all.h"]


def drafts():
    """The headers that are drafts."""
    return [read(path) for path in sorted((INCLUDE / "apus" / "draft").glob("*.h")) if path.name != "all.h"]
