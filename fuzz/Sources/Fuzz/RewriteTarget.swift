import ByteKit
import Glibc

@testable import Host

/// Any rules, for any request: the answer is one, what is sent is a file of the site, and a redirect's URL stays in its field.
///
/// The lines of an input are rules of a .htaccess file without their directive's name, conditions when "?" stands before them;
/// the last is the target of the request, to which rules of the server are applied first.
enum RewriteTarget {
    private static let serverRules = #"""
        RewriteEngine On
        RewriteMap text txt:ROOT/map.txt
        RewriteMap random rnd:ROOT/map.txt
        RewriteMap up int:toupper
        RewriteMap escape int:escape
        RewriteMap unescape int:unescape
        RewriteRule "^/s/map/(.*)" "/s/${text:$1|${random:$1|none}}"
        RewriteRule "^/s/int/(.*)" "/s/${up:$1}${escape:$1}${unescape:$1}"
        RewriteRule "^/s/to/(.*)" "http://other.example/$1" [R,NE,QSA]
        RewriteRule "^/s/away/(.*)" "http://other.example/$1?q=$1" [R=307,B]
        RewriteRule "^/s/query/(.*)" "/$1?%{QUERY_STRING}&p=$1" [BNP,QSD,UnsafeAllow3F]
        RewriteRule "^/s/cookie/([^;]*)" "-" [CO=name:$1:.example.com,E=A:$1,E=!B]
        RewriteCond "%{QUERY_STRING}" "(.*)=(.*)"
        RewriteRule "^/s/cond" "/%1/%2/%{REQUEST_URI}/%{THE_REQUEST}/%{HTTP:X}" [PT]
        RewriteRule "^/s/next/(.*)a(.*)" "/s/next/$1b$2" [N=20]
        RewriteRule "^/s/(.*)" "$1"
        RewriteOptions AllowAnyURI
        LogLevel emerg
        <Directory ROOT>
            AllowOverride All
            Options FollowSymLinks
        </Directory>
        """#

    private static let content = ["index", "text", "", "key /f.bin\nother /a|/b\n"].map { Array($0.utf8) }

    static func run(_ bytes: Bytes) -> Int32 {
        guard bytes.count <= 2000, !bytes.contains(0) else { return -1 }
        start()
        var lines = Array(bytes.buffer).split(separator: 0x0a, omittingEmptySubsequences: false)
        guard let target = lines.popLast() else { return -1 }
        let rules = lines.flatMap { line in
            line.first == UInt8(ascii: "?")
                ? Array("RewriteCond ".utf8) + line.dropFirst() + [0x0a] : Array("RewriteRule ".utf8) + line + [0x0a]
        }
        InProcessServer.write(InProcessServer.root + "/.htaccess", Array("RewriteEngine On\n".utf8) + rules)
        let request = Array("GET ".utf8) + path(target) + Array(" HTTP/1.1\r\nHost: x\r\nX: y z\r\nConnection: close\r\n\r\n".utf8)
        check(request.withUnsafeBytes { InProcessServer.exchange(Bytes($0)) })
        return 0
    }

    private static func start() {
        guard InProcessServer.more.isEmpty else { return }
        InProcessServer.more = InProcessServer.load("rewrite") + serverRules
        InProcessServer.moreFiles = [("map.txt", content[3])]
        InProcessServer.start()
    }

    /// What may stand in a request line stays, the rest is encoded.
    private static func path(_ target: ArraySlice<UInt8>) -> [UInt8] {
        var text: [UInt8] = [UInt8(ascii: "/")]
        for byte in target {
            if byte > 0x20, byte < 0x7f, byte != UInt8(ascii: "#") {
                text.append(byte)
            } else {
                text += Array("%\(byte < 16 ? "0" : "")\(String(byte, radix: 16))".utf8)
            }
        }
        return text
    }

    private static func check(_ bytes: [UInt8]) {
        guard let answer = SingleAnswer(bytes) else { return demand(false, "no answer") }
        answer.checkHead()
        if answer.status == 200 {
            demand(answer.body == InProcessServer.file || content.contains(answer.body), "what is sent is no file of the site")
        }
    }
}
