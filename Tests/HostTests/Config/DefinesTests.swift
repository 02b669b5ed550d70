import Testing

@testable import Host

/// `Define`, `UnDefine` and `${VAR}`, each case checked against httpd.
struct DefinesTests {
    @Test(arguments: [
        ("Define foo bar\nX ${foo}", "X bar"),
        ("Define foo bar\nX ${FOO}", "X bar"),
        ("define foo bar\nX a${foo}b${foo}", "X abarbbar"),
        ("X ${HOME_OF_TEST}", "X /home"),
        ("Define HOME_OF_TEST d\nX ${HOME_OF_TEST}", "X d"),
        ("X $${HOME_OF_TEST}$", "X $/home$"),
        ("X $foo ${foo", "X $foo ${foo"),
        ("X ${a:b}", "X ${a:b}"),
        ("X a${EMPTY}b", "X ab"),
        ("${EMPTY}\nX", "X"),
        ("Define line Y z\nDefine all \"Y z\"\n${all}", "Y z"),
        ("Define A \"p q\"\nX ${A}", "X p q"),
        ("Define A a\nDefine B ${A}b\nDefine A c\nX ${B}", "X ab"),
        ("Define A a\nDefine A\nX ${A}", "X a"),
        ("# ${nothing}\nX", "X"),
        ("<Directory ${HOME_OF_TEST}>\n</Directory>", "<Directory /home>{}"),
        ("<IfDefine no>\nX ${nothing}\n</IfDefine>", ""),
    ])
    func expands(content: String, expected: String) throws {
        let fixture = try ConfigFixture(environment: ["HOME_OF_TEST": "/home", "EMPTY": ""])
        #expect(try fixture.read(content) == expected)
        #expect(fixture.warnings == [])
    }

    @Test(arguments: [
        ("X ${undef}", "X ${undef}", 3),
        ("Define A 1\nUnDefine A\nX ${A}", "X ${A}", 3),
        ("Define A 1\nUnDefine a\nX b ${A}", "X b ${A}", 5),
        ("X ${CLI}", "X ${CLI}", 3),
        ("X ${undef}${EMPTY}", "X ${undef}", 3),
    ])
    func keepsUndefinedVariables(content: String, expected: String, column: Int) throws {
        let fixture = try ConfigFixture(defines: ["CLI"], environment: ["EMPTY": ""])
        #expect(try fixture.read(content) == expected)
        #expect(fixture.warnings.count == 1)
        #expect(fixture.diagnostics.all.first?.location?.column == column)
    }

    @Test(arguments: [
        ("Define", "takes a name and an optional value"),
        ("Define a b c", "takes a name and an optional value"),
        ("Define x:y 1", "cannot be the name"),
        ("Define \"\"", "cannot be the name"),
        ("UnDefine", "takes one argument"),
        ("UnDefine a b", "takes one argument"),
    ])
    func refuses(content: String, message: String) throws {
        let fixture = try ConfigFixture()
        try fixture.read("\n" + content)
        #expect(fixture.errors.count == 1)
        #expect(fixture.errors.first?.hasPrefix("2: ") == true)
        #expect(fixture.errors.first?.contains(message) == true)
    }

    @Test func pointsAtTheVariableForWordsOfItsValue() throws {
        let fixture = try ConfigFixture()
        try fixture.read("Define A \"one two\"\nX ${A} three")
        let words = fixture.tree?.root.children.first?.words(fixture.diagnostics) ?? []
        #expect(words.map(\.text) == ["one", "two", "three"])
        #expect(words.map(\.column) == [3, 3, 8])
    }

    @Test func readsTheEnvironmentOfTheProcess() {
        #expect(Defines().value(of: "PATH")?.isEmpty == false)
        #expect(Defines().value(of: "APUS_NO_SUCH_VARIABLE") == nil)
    }
}
