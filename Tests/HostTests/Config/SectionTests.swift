import Testing

@testable import Host

/// Section tags that fit and that do not: one mistake gives one message.
struct SectionTests {
    @Test(arguments: [
        ("<VirtualHost *:80>\nA\n</VirtualHost>", "<VirtualHost *:80>{A}"),
        ("<virtualhost *:80>\n</VIRTUALHOST>", "<virtualhost *:80>{}"),
        ("<RequireAll>\nA\n</RequireAll>", "<RequireAll>{A}"),
        ("<Directory \"/a b\" >\n</Directory>", "<Directory \"/a b\">{}"),
        ("<If \"%{X} > 3\">\n</If>", "<If \"%{X} > 3\">{}"),
        ("<A 1>\n<B 2>\nX\n</B>\nY\n</A>\nZ", "<A 1>{<B 2>{X}; Y}; Z"),
        ("<A \\\n 1>\n</A>", "<A 1>{}"),
    ])
    func reads(content: String, expected: String) throws {
        let fixture = try ConfigFixture()
        #expect(try fixture.read(content) == expected)
        #expect(fixture.diagnostics.all.isEmpty)
    }

    @Test(arguments: [
        // A wrong name closes what is open.
        ("<A>\n</B>\nX", "<A>{}; X", "2: </B> at main.conf:2 closes <A> opened at main.conf:1"),
        (
            "<A 1>\nX\n</B>\n<A 2>\n</A>", "<A 1>{X}; <A 2>{}",
            "3: </B> at main.conf:3 closes <A> opened at main.conf:1"
        ),
        // A left-over line closes nothing.
        ("<A>\n</B>\nX\n</A>", "<A>{X}", "2: </B> at main.conf:2 closes <A> opened at main.conf:1"),
        ("</A>\nX", "X", "1: </A> closes nothing: no section is open here"),
        // A forgotten end.
        (
            "<A>\n<B>\n</A>\nX", "<A>{<B>{}}; X",
            "3: </A> at main.conf:3 closes <A> opened at main.conf:1, "
                + "but <B> opened at main.conf:2 is still open"
        ),
        (
            "<A>\n<B>\n</A>\n<A>\n<B>\n</B>\n</A>", "<A>{<B>{}}; <A>{<B>{}}",
            "3: </A> at main.conf:3 closes <A> opened at main.conf:1, "
                + "but <B> opened at main.conf:2 is still open"
        ),
        // Crossed tags.
        (
            "<A>\n<B>\n</A>\n</B>\nX", "<A>{<B>{}}; X",
            "3: </A> at main.conf:3 closes <A> opened at main.conf:1, "
                + "but <B> opened at main.conf:2 is still open"
        ),
        (
            "<IfDefine !no>\n<B>\n</IfDefine>\n</B>\nX", "<B>{}; X",
            "3: </IfDefine> at main.conf:3 closes <IfDefine> opened at main.conf:1, "
                + "but <B> opened at main.conf:2 is still open"
        ),
        // The name of the outer section instead of the inner one's.
        (
            "<A>\n<B>\n</A>\nX\n</A>\nY", "<A>{<B>{}; X}; Y",
            "3: </A> at main.conf:3 closes <A> opened at main.conf:1, "
                + "but <B> opened at main.conf:2 is still open"
        ),
        // Skipped bodies are held to the same order.
        (
            "<IfDefine no>\n<B>\n</IfDefine>\nX", "X",
            "3: </IfDefine> at main.conf:3 closes <IfDefine> opened at main.conf:1, "
                + "but <B> opened at main.conf:2 is still open"
        ),
        // No end at all.
        ("<A>\nX", "<A>{X}", "1: <A> is never closed"),
        ("<IfDefine no>\n<A>\nX", "", "1: <IfDefine> is never closed"),
        // Spelling of the tags.
        ("<A 1\nX\n</A>\nY", "<A 1>{X}; Y", "1: <A has no closing >"),
        ("<A>\n</A\nX", "<A>{}; X", "2: </A has no closing >"),
        ("<A>\n</ A>\nX", "<A>{}; X", "2: white space between </ and the section's name"),
        ("<A>\n</A >\nX", "<A>{}; X", "2: a closing tag holds nothing but the section's name"),
        ("<A /x>\n</A /x>\nX", "<A /x>{}; X", "2: a closing tag holds nothing but the section's name"),
        ("< A 1>\nX\n</A>", "<A 1>{X}", "1: white space between < and the section's name"),
    ])
    func reportsOnce(content: String, expected: String, message: String) throws {
        let fixture = try ConfigFixture()
        #expect(try fixture.read(content) == expected)
        #expect(fixture.errors == [message])
    }

    @Test func reportsEachUnclosedSection() throws {
        let fixture = try ConfigFixture()
        try fixture.read("<A>\n<B>\nX")
        #expect(fixture.errors == ["1: <A> is never closed", "2: <B> is never closed"])
    }

    /// What httpd lets pass is only doubtful.
    @Test(arguments: [
        ("<A /x> # note\nX\n</A>", "<A /x>{X}", "1: the text after the > of a section is ignored"),
        ("<A /x>\nX\n</A> # note", "<A /x>{X}", "3: the text after the > of a section is ignored"),
        ("<IfDefine !no>\nX", "X", "1: <IfDefine> is never closed"),
    ])
    func warns(content: String, expected: String, message: String) throws {
        let fixture = try ConfigFixture()
        #expect(try fixture.read(content) == expected)
        #expect(fixture.errors == [])
        #expect(fixture.warnings == [message])
    }

    @Test func knowsParentsAndPlaces() throws {
        let fixture = try ConfigFixture()
        try fixture.read("<A>\n  X y\n</A>")
        let section = try #require(fixture.tree?.root.children.first)
        let directive = try #require(section.children.first)
        #expect(directive.parent === section)
        #expect(section.displayName == "<A>")
        #expect(directive.location.line == 2)
        #expect(directive.location.column == 3)
        #expect(directive.words(fixture.diagnostics).first?.column == 5)
    }
}
