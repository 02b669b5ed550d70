r"""Expressions to hold against apache2: conditions that can be compiled, and texts that cannot."""

#: Each is asked by its own `Require expr`; what they are asked with is in test_expressions.py.
CONDITIONS = r"""
true
false
! true
!true
! ! true
not false
not(true)
! ( true )
true && false
true&&true
true || false && false
false && false || true
true||false
true and true
false or true
true and not false
(true)
( true ) && ( false || true )
((('a' == 'a')))
'a' == 'a'
'a' = 'a'
'a'=='a'
'a' == 'b'
'a' == 'A'
'a' != 'b'
'a' != 'a'
'a' < 'b'
'b' < 'a'
'a' <= 'a'
'a' > 'b'
'a' > ''
'a' >= 'b'
'b' >= 'a'
'10' < '9'
'abc' < 'abcd'
"a" == 'a'
!'a' == 'b'
! 'a' == 'b'
'a'=='a'&&'b'=='b'
'a'=='a'and'b'=='b'
'a' == 'b' || 'a' == 'a' && 'b' == 'b'
'10' -lt '9'
10 -gt 9
10 gt 9
10 -gt 10
10 -ge 10
10 -le 10
10 -lt 11
10 -eq 10
10 -ne 10
10 eq 10
10 ne 10
1 lt 2
2 lt 1
1 le 1
1 ge 1
1 gt 1
'010' -eq '10'
'abc' -eq 0
'' -eq 0
'0x10' -eq 16
' 7' -eq 7
'7x' -eq 7
'+7' -eq 7
-1 -lt 0
'-1' -lt 0
1 -eq -1
-1 -eq -1
1 == -1
99999999999999999999 -gt 1
'a' eq 'b'
1==1
1=1
1!=2
1<2
1<=2
1>2
10 == 10
10 . 'x' == '10x'
1.2.3 == '123'
10.5 == '10.5'
'a' . 'b' == 'ab'
'a'.'b' == 'ab'
'a' . 'b' . 'c' == 'abc'
-n 'a' . 'b'
'abc' =~ /b/
'abc' =~ /B/
'abc' =~ /B/i
'abc' !~ /x/
'abc' !~ /b/
'abc'=~/b/
'abc'!~/b/i&&true
'abc' =~ m#b#
'abc' =~ m#B#i
'abc' =~ m|b|
'abc' =~ m!b!
'abc' =~ m,b,
'abc' =~ m%b%
'abc' =~ m^b^
'abc' =~ m:b:
'abc' =~ m;b;
'abc' =~ m-b-
'abc' =~ m'b'
'abc' =~ m"b"
'abc' =~ m$b$
'abc' =~ m?b?
'abc' =~ m.b.
'abc' =~ m/b/
'a/c' =~ m#/#
'a\nb' =~ /a.b/
'ab\n' =~ /b$/
'ab' =~ //
'' =~ /^$/
'a' . 'b' =~ /^ab$/
'abc' =~ /(b)(c)/ && $1 == 'b'
'abc' =~ /(b)(c)/ && '$1$2' == 'bc'
'abc' =~ /(b)(c)/ && $0 == 'bc'
'abc' =~ /(b)(c)/ && "$2-$1" == 'c-b'
'abc' =~ /b/ && $5 == ''
'abc' =~ /(x)?b/ && $1 == ''
$1 == ''
'ab' =~ /(a)/ && 'zz' =~ /z/ && $1 == 'a'
'ab' =~ /(a)/ && 'zz' =~ /z/ && $1 == ''
'ab' =~ /(a)/ && 'zz' =~ /(z)/ && $1 == 'z'
('ab' !~ /(a)/ || $1 == 'a')
'abc' =~ /b/ && $0 == 'b'
'abc' =~ /b/ && $0 == ''
'ab' =~ /(a)/ && 'zz' =~ /z/ && $0 == 'a'
'[a' -strmatch '[a'
'a/b' -fnmatch 'a[!x]b'
'a/b' -strmatch 'a[!x]b'
'ab' =~ /(?<x>a)/ && $1=='a'
'a' =~ /(a)/ && 'x' =~ /q/ || $1 == 'a'
'ab' =~ /%{HTTP_HOST}/
'a$1' =~ /a/
'a' in {'a','b'}
'a' -in {'a','b'}
'c' in { 'a' , 'b' }
'a' in {'a'}
'a' in { 'b', 'a' . '' }
'A' in { 'a' }
'www.example.com' in {%{HTTP_HOST}}
'a' in {'a','b'} && true
tolower('A') in {'a'}
! 'a' in {'b'}
'127.0.0.1' -ipmatch '127.0.0.0/8'
'10.1.1.1' -ipmatch '127.0.0.0/8'
'127.0.0.1' -ipmatch '127'
'127.0.0.1' -ipmatch '127.0'
'127.0.0.1' -ipmatch '127.0.0'
'127.0.0.1' -ipmatch '127.0.0.'
'127.0.0.1' -ipmatch '127.0.0.1/8'
'127.0.0.1' -ipmatch '127.0.0.0/255.0.0.0'
'127.0.0.1' -ipmatch '10.0.0.0/8'
'127.0.0.1' -ipmatch '127.0.0.1/32'
'127.0.0.2' -ipmatch '127.0.0.1/31'
'127.0.0.2' -ipmatch '127.0.0.1/30'
'::1' -ipmatch '::1'
'::1' -ipmatch '127.0.0.1'
'fe80::1' -ipmatch 'fe80::/10'
'fec0::1' -ipmatch 'fe80::/10'
'x' -ipmatch '127.0.0.0/8'
'' -ipmatch '127.0.0.0/8'
%{REMOTE_ADDR} -ipmatch '127.0.0.1'
-R '127.0.0.0/8'
-R '127.0.0.1'
-R '10.0.0.0/8'
-R '::1'
'abc' -strmatch 'a*'
'abc' -STRMATCH 'a*'
'abc' -StrMatch 'a*'
'a/bc' -strmatch 'a*'
'a/bc' -fnmatch 'a*'
'a/bc' -fnmatch 'a/*'
'a/b/c' -fnmatch 'a/*'
'ABC' -strmatch 'a*'
'ABC' -strcmatch 'a*'
'A' -strcmatch '[a-c]'
'a' -strcmatch '[A-C]'
'x' -strcmatch 'X'
'abc' -strmatch 'a[bx]c'
'abc' -strmatch 'a?c'
'abc' -strmatch 'a[!b]c'
'abc' -strmatch 'a[^b]c'
'axc' -strmatch 'a[!b]c'
'a*c' -strmatch 'a\\*c'
'abc' -strmatch 'a\\*c'
'.abc' -strmatch '*'
'x/.abc' -fnmatch 'x/*'
'' -strmatch '*'
'a]b' -strmatch 'a[]]b'
'a-b' -strmatch 'a[a-]b'
'a/b' -fnmatch 'a[/]b'
'a/b' -strmatch 'a[/]b'
'[' -strmatch '['
'abc' -strmatch %{QUERY_STRING}
-n 'a'
-n ''
-z ''
-z 'a'
-n%{HTTP_HOST}
-n %{HTTP_HOST}
-n'a'
-T 'a'
-T ''
-T '0'
-T 'off'
-T 'OFF'
-T 'no'
-T 'No'
-T 'false'
-T '00'
-T ' '
-T 'on'
-n 'a' && -z ''
! -n 'a'
!-n 'a'
-z tolower('')
-d '@HTDOCS@'
-d '@HTDOCS@/file.txt'
-d ''
-d '@HTDOCS@/none'
-e '@HTDOCS@'
-e '@HTDOCS@/file.txt'
-e '@HTDOCS@/none'
-f '@HTDOCS@'
-f '@HTDOCS@/file.txt'
-f '@HTDOCS@/link'
-f '%{DOCUMENT_ROOT}/file.txt'
-s '@HTDOCS@'
-s '@HTDOCS@/file.txt'
-s '@HTDOCS@/empty'
-L '@HTDOCS@'
-L '@HTDOCS@/link'
-h '@HTDOCS@/link'
-L '@HTDOCS@/dangling'
-e '@HTDOCS@/dangling'
-h '@HTDOCS@/file.txt'
-x '@HTDOCS@'
-x '@HTDOCS@/file.txt'
-x '/bin/sh'
-F '@HTDOCS@/file.txt'
-F 'file.txt'
-F '/nope'
-F ''
-F '@HTDOCS@/none'
-F '@HTDOCS@/denied/x.txt'
-U '/file.txt'
-U '/nope'
-U '/denied/x.txt'
-A '/denied/x.txt'
-A '/file.txt'
-U 'file.txt'
-U '/'
tolower('ABC') == 'abc'
toupper('abc') == 'ABC'
TOLOWER('ABC') == 'abc'
tolower( 'ABC' ) == 'abc'
tolower (  'A') == 'a'
tolower('A' . 'B') == 'ab'
tolower(toupper('a')) == 'a'
tolower('') == ''
md5('foo') == 'acbd18db4cc2f85cedef654fccc4a4d8'
md5('') == 'd41d8cd98f00b204e9800998ecf8427e'
md5('0123456789012345678901234567890123456789012345678901234') == 'x'
md5('01234567890123456789012345678901234567890123456789012345') =~ /^.{32}$/
sha1('foo') == '0beec7b5ea3f0fdbc95d0dd47f3c5bc275da8a33'
sha1('') == 'da39a3ee5e6b4b0d3255bfef95601890afd80709'
base64('a') == 'YQ=='
base64('ab') == 'YWI='
base64('abc') == 'YWJj'
base64('') == ''
unbase64('YQ==') == 'a'
unbase64('YWI') == 'ab'
unbase64('YWJjZ') == 'abc'
unbase64('YW Jj') == 'a'
unbase64('!') == ''
unbase64('YQBi') == 'a'
unescape('%41%2f') == 'A%2f'
unescape('%zz') == ''
unescape('a%20b+c') == 'a b+c'
unescape('%00') == ''
escape('a b/?') == 'a%20b/%3f'
escape('%') == '%25'
ldap('a*b') == 'a\\2ab'
file('@HTDOCS@/file.txt') == "text\n"
filesize('@HTDOCS@/file.txt') -eq 5
filesize('@HTDOCS@/file.txt') == 5
filesize('@HTDOCS@') == 0
filesize('@HTDOCS@/none') == 0
%{TOLOWER:ABC} == 'abc'
%{tolower:ABC} == 'abc'
%{tolower:%{HTTP_HOST}} == 'www.example.com'
'%{tolower:A}B}' == 'aB}'
%{tolower:A\}B} == 'a}b'
%{tolower:%{toupper:a}b} == 'ab'
%{http_host} == 'www.example.com'
%{HTTP_HOST}=='www.example.com'
%{HTTP:Host} == 'www.example.com'
%{REQ:Host} == 'www.example.com'
%{req: Host} == ''
%{req_novary:Host} == 'www.example.com'
req('Host') == 'www.example.com'
req(tolower('HOST')) == 'www.example.com'
http('x-none') == ''
%{HTTP:x-none} == ''
%{HTTP_USER_AGENT} == 'UA/1'
%{HTTP_REFERER} == 'http://r/'
%{HTTP_COOKIE} == 'a=b; c=d'
%{HTTP_ACCEPT} == 'x/y'
%{HTTP_FORWARDED} == 'for=1'
%{HTTP_PROXY_CONNECTION} == 'k'
resp('x') == ''
reqenv('none') == ''
%{reqenv:none} == ''
note('none') == ''
osenv('PATH') == ''
osenv('none') == ''
env('none') == ''
env('PATH') != ''
%{REQUEST_METHOD} == 'GET'
%{REQUEST_SCHEME} == 'http'
%{REQUEST_URI} =~ m#^/c/[0-9]+$#
%{DOCUMENT_URI} == %{REQUEST_URI}
%{REQUEST_FILENAME} == '%{DOCUMENT_ROOT}%{REQUEST_URI}'
%{REQUEST_FILENAME} =~ m#/c$#
%{SCRIPT_FILENAME} == %{REQUEST_FILENAME}
%{QUERY_STRING} == 'a=b'
%{THE_REQUEST} =~ m#^GET /c/[0-9]+.a=b HTTP/1.1$#
%{SERVER_PROTOCOL} == 'HTTP/1.1'
%{SERVER_NAME} == 'www.example.com'
%{SERVER_NAME} == 'localhost'
%{SERVER_PORT} == '80'
%{SERVER_PORT} == '@PORT@'
%{SERVER_ADMIN} == 'admin@example.com'
%{DOCUMENT_ROOT} == '@HTDOCS@'
%{CONTEXT_DOCUMENT_ROOT} == '@HTDOCS@'
%{CONTEXT_PREFIX} == ''
%{REMOTE_ADDR} == '127.0.0.1'
%{CONN_REMOTE_ADDR} == '127.0.0.1'
%{REMOTE_HOST} == '127.0.0.1'
%{REMOTE_PORT} -gt 0
%{REMOTE_USER} == ''
%{REMOTE_IDENT} == ''
%{AUTH_TYPE} == ''
%{CONTENT_TYPE} == ''
%{HANDLER} == ''
%{PATH_INFO} =~ /./
%{IS_SUBREQ} == 'false'
%{HTTPS} == 'off'
%{HTTP2} == 'off'
%{IPV6} == 'off'
%{REQUEST_STATUS} == '200'
%{REQUEST_LOG_ID} == ''
%{LAST_MODIFIED} == ''
%{TIME} =~ /^20[0-9]{12}$/
%{TIME} == %{TIME_YEAR} . %{TIME_MON} . %{TIME_DAY} . %{TIME_HOUR} . %{TIME_MIN} . %{TIME_SEC}
%{TIME_YEAR} -gt 2000
%{TIME_WDAY} =~ /^[0-6]$/
%{API_VERSION} == '20120211'
%{SERVER_SOFTWARE} == ''
("a%{HTTP_HOST}" == "awww.example.com")
("a\"b" == 'a"b')
'a\'b' == "a'b"
'a\'b' == 'a' . "'" . 'b'
'a%b' == "a%b"
'a$b' == "a$b"
'100%' == '100%'
'$' == '$'
'%%' == '%'
'$$' == '$$'
'a\x' == 'ax'
'\101' == 'A'
'\1' != '1'
'a\%{HTTP_HOST}' == 'a%' . '{HTTP_HOST}'
'a\$1' == 'a$' . '1'
'\\' == '\\'
'a\tb' =~ /\t/
""".strip().splitlines()

#: None of these is an expression, on neither server.
MISTAKES = r"""
'abc' =~ m_b_
'abc' =~ m(b)
'abc' =~ m{b}
'abc' =~ m@b@
'abc' =~ mxbx
'abc' =~ /b/s
'abc' =~ /b/im
'abc' =~ /b/x
'abc' =~ 'b'
'a/c' =~ /a\/c/
'a' =~ /b
'a' =~ /(/
'a' in {}
'a' in {'a',}
'a' in 'a'
'a' in none('a')
'127.0.0.1' -ipmatch 'x'
'127.0.0.1' -ipmatch ''
'127.0.0.1' -ipmatch %{REMOTE_ADDR}
%{REMOTE_ADDR} -ipmatch '%{REMOTE_ADDR}'
'127.0.0.1' -ipmatch '127.0.0.0/40'
'127.0.0.1' -ipmatch 'localhost'
-R '::/0'
-R '0.0.0.0/0'
-R 'x'
-R %{REMOTE_ADDR}
10 -EQ 10
10 EQ 10
'a' IN {'a'}
true AND true
TRUE
True
NOT true
-N 'a'
-q 'a'
%{HTTP_HOST}
'a'
10-eq10
tolower 'ABC' == 'abc'
tolower() == ''
nofunc('a') == 'a'
v('HTTP_HOST') == 'a'
%{NOSUCH} == ''
%{nosuch:x} == ''
%{HTTP_HOST:x} == ''
%{tolower} == ''
%{} == ''
%{HTTP:} == ''
%{ HTTP_HOST } == ''
%{HTTP-HOST} == ''
'a%{HTTP_HOST' == 'x'
(
true true
true &&
&& true
'a' ==
'a
'a' == 'b
abc
abc == 'abc'
'a' == abc
true == 'true'
(true) == (true)
true & true
true | true
'a' -foo 'b'
'a' == 'a' == 'a'
1 == 1 -eq 1
-n ('a')
-T true
- 1 == 1
-ipmatch '1'
'a' -n 'b'
-strmatch 'a' 'b'
-d 'x' 'y'
req(Host) == 'x'
'\400' == 'a'
'\1012' == 'a'
'\8' == 'a'
""".strip().splitlines()
