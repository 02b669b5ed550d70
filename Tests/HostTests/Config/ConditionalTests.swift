import Testing

@testable import Host

/// The conditional sections, each case checked against httpd.
struct ConditionalTests {
    /// Whether the body of a section is read, and whether it gives an error.
    private func outcome(of opening: String, closing: String, _ fixture: ConfigFixture) throws -> String {
        let outline = try fixture.read("\(opening)\nX\n\(closing)\nEnd")
        let body = outline == "X; End" ? "yes" : outline == "End" ? "no" : outline
        return fixture.errors.isEmpty ? body : "error"
    }

    @Test(arguments: [
        ("core.c", "yes"), ("core_module", "yes"), ("CORE.C", "no"), ("!core.c", "no"), ("! core.c", "no"),
        ("\"core.c\"", "yes"), ("\"!core.c\"", "no"), ("!\"nope.c\"", "yes"), ("core.c foo", "yes"),
        ("!!core.c", "yes"), (" core.c ", "yes"), ("nope", "no"), ("", "error"), (" ", "error"),
        ("!", "error"),
    ])
    func ifModule(argument: String, expected: String) throws {
        let fixture = try ConfigFixture()
        #expect(try outcome(of: "<IfModule \(argument)>", closing: "</IfModule>", fixture) == expected)
    }

    @Test(arguments: [("SSL", "yes"), ("ssl", "no"), ("!SSL", "no"), ("!ssl", "yes")])
    func ifDefine(argument: String, expected: String) throws {
        let fixture = try ConfigFixture(defines: ["SSL"])
        #expect(try outcome(of: "<IfDefine \(argument)>", closing: "</IfDefine>", fixture) == expected)
    }

    @Test(arguments: [
        ("there", "yes"), ("there/a.conf", "yes"), ("nope", "no"), ("!nope", "yes"), ("/dev/null", "yes"),
    ])
    func ifFile(argument: String, expected: String) throws {
        let fixture = try ConfigFixture()
        try fixture.write("there/a.conf", "")
        #expect(try outcome(of: "<IfFile \(argument)>", closing: "</IfFile>", fixture) == expected)
    }

    @Test(arguments: [
        ("IfDirective", "setenv", "yes"), ("IfDirective", "Include", "yes"), ("IfDirective", "Nope", "no"),
        ("IfDirective", "VirtualHost", "no"), ("IfSection", "VirtualHost", "yes"),
        ("IfSection", "<VirtualHost", "no"), ("IfSection", "IfModule", "yes"), ("IfSection", "SetEnv", "no"),
        ("ifdirective", "!Nope", "yes"),
    ])
    func ifKnown(section: String, argument: String, expected: String) throws {
        let fixture = try ConfigFixture()
        #expect(try outcome(of: "<\(section) \(argument)>", closing: "</\(section)>", fixture) == expected)
    }

    @Test(arguments: [
        ("2.4", "no"), ("2.4.71", "yes"), ("= 2.4.71", "yes"), ("== 2.4.71", "yes"), (">= 2.4", "yes"),
        ("> 2.4.71", "no"), ("<= 2.4.71", "yes"), ("!= 2.4.70", "yes"), ("!< 2.5", "no"), ("< 3", "yes"),
        (#"~ 2\.4"#, "yes"), (#"~ /2\.4/"#, "no"), (#"= /^2\.4\.\d+$/"#, "yes"), ("/2.4/", "yes"),
        ("!~ ^2", "no"), ("= \"2.4.71\"", "yes"), ("\"2.4.71\" ", "yes"), ("= \"2.4.71\" ", "yes"),
        ("~ \"2.4 \"", "no"), ("2.4.", "no"), ("> 2.10", "no"), (">= 2.4.9", "yes"),
        ("=/2.4/", "error"), ("!2.4", "error"), ("! 2.4.71", "error"), ("!! 2.4", "error"), ("=> 2", "error"),
        ("<> 2", "error"), ("~= 2", "error"), ("= 2.4.71.0", "error"), ("= 2.x", "error"), ("= x", "error"),
        ("= /2.4", "error"), (">=2.4", "error"), ("= 2.4.71 extra", "error"), ("", "error"), ("~ (", "error"),
    ])
    func ifVersion(argument: String, expected: String) throws {
        let fixture = try ConfigFixture()
        #expect(try outcome(of: "<IfVersion \(argument)>", closing: "</IfVersion>", fixture) == expected)
    }

    @Test(arguments: [(">= 2.4", "X"), ("> 3", ""), ("!> 3", "X")])
    func ifVersionDoesNotTakeItsOperatorForTheEnd(argument: String, expected: String) throws {
        let fixture = try ConfigFixture()
        #expect(try fixture.read("<IfVersion \(argument)\nX\n</IfVersion>") == expected)
        #expect(fixture.errors == ["1: <IfVersion has no closing >"])
    }

    @Test func presentsTheReleaseThatItReads() {
        #expect(ServerVersion.presented.description == Version.httpd)
    }

    @Test func moduleTestsDependOnTheirPosition() throws {
        let fixture = try ConfigFixture()
        let test = "<IfModule a_module>\nX\n</IfModule>\n"
        #expect(try fixture.read(test + "LoadModule a_module a.so\n" + test) == "X")
        #expect(fixture.executedEarly == ["LoadModule"])
    }

    @Test(arguments: [
        ("<IfDefine no>\n<Directory /x>\n# </Directory>\nX\n</Directory>\n</IfDefine>\nEnd", "End"),
        ("<IfDefine no>\n<IfDefine yes>\nX\n</IfDefine>\nX\n</IfDefine>\nEnd", "End"),
        ("<IfDefine yes>\n<IfDefine no>\nX\n</IfDefine>\nY\n</IfDefine>\nEnd", "Y; End"),
        ("<Directory /x>\n<IfDefine yes>\nX\n</IfDefine>\nY\n</Directory>", "<Directory /x>{X; Y}"),
        ("<IfDefine yes>\n<Directory /x>\nX\n</Directory>\n</IfDefine>", "<Directory /x>{X}"),
        ("<IfDefine no>\nInclude nope\nError x\nDefine Z\n</IfDefine>\n<IfDefine Z>\nX\n</IfDefine>", ""),
        ("<IfDefine no>\n<Odd\n</Odd>\n</IfDefine>\nEnd", "End"),
        ("<Directory /x>\nDefine in\n</Directory>\n<IfDefine in>\nX\n</IfDefine>", "<Directory /x>{}; X"),
    ])
    func nests(content: String, expected: String) throws {
        let fixture = try ConfigFixture(defines: ["yes"])
        #expect(try fixture.read(content) == expected)
        #expect(fixture.errors == [])
    }
}
