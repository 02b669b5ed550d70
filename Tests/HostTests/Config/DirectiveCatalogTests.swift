import Testing

@testable import Host

struct DirectiveCatalogTests {
    @Test(
        arguments: [
            ("Headr", false, ["Header"], "did you mean \"Header\"?"),
            ("Listne", false, ["Listen"], "did you mean \"Listen\"?"),
            (
                "header", false, [],
                "\"Header\" is provided by headers_module: add \"LoadModule headers_module modules/mod_headers.so\""
            ),
            (
                "Headr", false, [],
                "did you mean \"Header\"? \"Header\" is provided by headers_module: "
                    + "add \"LoadModule headers_module modules/mod_headers.so\""
            ),
            (
                "Proxy", true, [],
                "\"<Proxy>\" is provided by proxy_module: add \"LoadModule proxy_module modules/mod_proxy.so\""
            ),
            ("Directroy", true, ["Directory"], "did you mean \"<Directory>\"?"),
            (
                "VirtualHost", false, [],
                "VirtualHost is a section: write <VirtualHost …> and end it with </VirtualHost>"
            ),
            ("Listen", true, [], "Listen is a directive, not a section: write it without < and >"),
            (
                "ChrootDir", false, [],
                "\"ChrootDir\" belongs to httpd's core, but this server does not have it"
            ),
            ("MyOwnThng", false, ["MyOwnThing"], "did you mean \"MyOwnThing\"?"),
            ("Xyzzyplugh", false, ["Listen"], nil),
        ] as [(String, Bool, [String], String?)])
    func advises(name: String, isSection: Bool, known: [String], advice: String?) {
        #expect(DirectiveCatalog.shared.advice(for: name, isSection: isSection, known: known) == advice)
    }

    @Test(
        arguments: [
            ("SSLEngine", "ssl"), ("RewriteRule", "rewrite"), ("ScriptSock", "cgid"), ("Listen", "core"),
            ("LoadModule", "core"), ("MaxSpareServers", "core"), ("zstdcompressionlevel", nil),
        ] as [(String, String?)])
    func knowsOwners(name: String, owner: String?) {
        #expect(DirectiveCatalog.shared.entry(name, isSection: false)?.owner == owner)
    }

    @Test(arguments: [
        ("", "", 0), ("a", "", 1), ("abc", "ABC", 0), ("abc", "acb", 1), ("kitten", "sitting", 3),
        ("ab", "b", 1),
    ])
    func measures(left: String, right: String, distance: Int) {
        #expect(EditDistance.between(left, right) == distance)
        #expect(EditDistance.between(right, left) == distance)
    }
}
