import Testing

@testable import Host

/// `Include` and its relatives, each case checked against httpd.
struct IncludeTests {
    private func makeFixture() throws -> ConfigFixture {
        let fixture = try ConfigFixture()
        try fixture.write("d/b.conf", "B")
        try fixture.write("d/a.conf", "A")
        try fixture.write("d/.hidden", "Hidden")
        try fixture.write("d/sub/s.conf", "Sub")
        try fixture.write("e/s.conf", "E")
        return fixture
    }

    @Test(arguments: [
        ("Include d/a.conf", "A"),
        ("include \"d/a.conf\"", "A"),
        ("Include d", "Hidden; A; B; Sub"),
        ("Include d/*", "A; B; Sub"),
        ("Include d/*.conf", "A; B"),
        ("Include d/?.conf", "A; B"),
        ("Include d/[b].conf", "B"),
        ("Include d/*/s.conf", "Sub"),
        ("Include */s.conf", "error: cannot read the configuration file d/s.conf: No such file or directory"),
        ("Include [e]/*.conf", "E"),
        ("Include /dev/null", ""),
        (
            "Include nope.conf",
            "error: cannot read the configuration file nope.conf: No such file or directory"
        ),
        ("Include nope*.conf", "error: nothing in"),
        ("Include nope/*.conf", "error: cannot read the configuration file nope: No such file or directory"),
        ("Include /dev/zero", "error: cannot read /dev/zero: it is not a regular file"),
        ("Include a b", "error: Include takes one argument"),
        ("Include", "error: Include takes one argument"),
        ("Include \"\"", "error: Include names no file"),
        ("Include d/[a", "error: cannot read the configuration file d/[a: No such file or directory"),
        ("IncludeOptional nope.conf", ""),
        ("IncludeOptional nope*.conf", ""),
        ("IncludeOptional nope/*.conf", ""),
        ("IncludeOptional d/*/t.conf", ""),
        ("IncludeOptional d/a.conf/x.conf", ""),
        ("IncludeOptional d/a.conf", "A"),
        ("IncludeOptional d/[a", ""),
        ("IncludeOptional /dev/zero", "error: cannot read /dev/zero"),
    ])
    func includes(content: String, expected: String) throws {
        let fixture = try makeFixture()
        let outline = try fixture.read(content)
        guard expected.hasPrefix("error: ") else {
            #expect(outline == expected)
            #expect(fixture.errors == [])
            return
        }
        #expect(fixture.errors.count == 1)
        #expect(fixture.errors.first?.hasPrefix("1: " + expected.dropFirst("error: ".count)) == true)
    }

    @Test func splicesIntoTheEnclosingSection() throws {
        let fixture = try makeFixture()
        #expect(try fixture.read("<V>\nInclude d/*.conf\nX\n</V>") == "<V>{A; B; X}")
        #expect(fixture.tree?.executed.map(\.name) == ["Include"])
        let paths = fixture.tree?.sources.map { $0.path.replacing(fixture.directory + "/", with: "") }
        #expect(paths == ["main.conf", "d/a.conf", "d/b.conf"])
    }

    @Test func sectionsEndWithTheirFile() throws {
        let fixture = try ConfigFixture()
        try fixture.write("a.conf", "<V>\nX")
        try fixture.write("b.conf", "</V>")
        #expect(try fixture.read("Include a.conf\nInclude b.conf\nEnd") == "<V>{X}; End")
        #expect(
            fixture.errors == ["1: <V> is never closed", "1: </V> closes nothing: no section is open here"])
    }

    @Test func goesOnAfterAnAbsentFile() throws {
        let fixture = try ConfigFixture()
        #expect(try fixture.read("A\nInclude nope\nB") == "A; B")
        #expect(fixture.errors.count == 1)
    }

    @Test func reportsAnEndlessInclusionOnce() throws {
        let fixture = try ConfigFixture()
        try fixture.write("a.conf", "Include b.conf\nInclude b.conf")
        try fixture.write("b.conf", "Include a.conf\nInclude a.conf")
        try fixture.read("Include a.conf")
        #expect(fixture.errors.count == 1)
        let message = try #require(fixture.errors.first)
        #expect(message.contains("more than 128 deep"))
        #expect(message.contains("a.conf includes b.conf includes a.conf"))
    }

    @Test func lastsThroughALegalRepetition() throws {
        let fixture = try ConfigFixture()
        let again = "<IfDefine !done>\nDefine done\nInclude main.conf\n</IfDefine>\nX"
        #expect(try fixture.read(again) == "X; X")
        #expect(fixture.errors == [])
    }

    @Test func stopsInALoopOfDirectories() throws {
        let fixture = try ConfigFixture()
        try fixture.write("d/a.conf", "A")
        try fixture.link("d/loop", to: "../d")
        try fixture.read("Include d")
        #expect(fixture.errors.count == 1)
        #expect(fixture.errors.first?.contains("more than 20 directories deep") == true)
    }

    @Test func readsCommandLineDirectivesBeforeAndAfter() throws {
        let fixture = try ConfigFixture()
        let outline = try fixture.read(
            "<IfDefine early>\nM\n</IfDefine>", before: ["Define early", "<V>", "B", "</V>"],
            after: ["C", "</W>"])
        #expect(outline == "<V>{B}; M; C")
        #expect(fixture.diagnostics.all.first?.location?.description == "-c/-C directives:2")
    }

    @Test func reportsAnAbsentMainFile() throws {
        let fixture = try ConfigFixture()
        let tree = fixture.makeReader().read(mainFile: fixture.directory + "/nope.conf")
        #expect(tree.root.children.isEmpty)
        #expect(
            fixture.errors == ["0: cannot read the configuration file nope.conf: No such file or directory"])
    }

    @Test func dropsAByteOrderMark() throws {
        let fixture = try ConfigFixture()
        #expect(try fixture.read("\u{FEFF}A b") == "A b")
    }

    @Test(arguments: [
        ("Error \"boo  hoo\"", "1: boo  hoo"), ("Error boo  hoo", "1: boo  hoo"),
        ("Error", "1: Error stands without a message"),
    ])
    func raisesErrors(content: String, message: String) throws {
        let fixture = try ConfigFixture()
        try fixture.read(content)
        #expect(fixture.errors == [message])
    }

    /// Whoever handles the tree refuses them, as AllowOverride says.
    @Test(arguments: ["Include d/a.conf", "IncludeOptional x", "Define a", "UnDefine a", "LoadModule a b"])
    func executesNothingOfThisInAccessFiles(content: String) throws {
        let fixture = try makeFixture()
        #expect(try fixture.read(content, scope: .accessFile) == content)
        #expect(fixture.errors.isEmpty)
    }
}
