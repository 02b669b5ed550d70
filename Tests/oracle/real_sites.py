"""Sites of many kinds, each with a configuration such as administrators and applications write, files, and requests."""

from dataclasses import dataclass, field

from support.server import DEFAULT_MODULES

MODULES = (
    *DEFAULT_MODULES, "access_compat", "actions", "auth_basic", "auth_form", "authn_core", "authn_file", "authz_groupfile", "authz_host", "authz_user",
    "autoindex", "brotli", "cgid", "deflate", "env", "expires", "ext_filter", "filter", "headers", "include", "macro", "negotiation", "remoteip",
    "request", "rewrite", "session", "session_cookie", "setenvif", "speling", "status", "substitute", "userdir", "vhost_alias",
)  # fmt: skip


@dataclass
class RealSite:
    name: str
    #: The inside of its <VirtualHost>; @HERE@ is where its files are.
    config: str
    files: dict
    requests: list
    #: What it needs outside.
    server: str = ""
    #: Where its document root is, below its files.
    root: str = ""
    #: Fields that are not compared: httpd's entity tags of negotiated files lack their end, filters here take off the tag of what they
    #: change, and how a body is framed depends on the size of buffers.
    ignored: list = field(default_factory=list)


ALL = '<Directory "@HERE@">\nOptions FollowSymLinks\nAllowOverride All\nRequire all granted\n</Directory>\n'
#: Says what a program is told: what PHP would see.
PHP = """#!/bin/sh
printf 'Content-Type: text/html; charset=UTF-8\\nX-Powered-By: tests\\n\\n'
env | grep -E '^(QUERY_STRING|PATH_INFO|REQUEST_URI|REQUEST_METHOD|SCRIPT_NAME|REDIRECT_[A-Z_]*|HTTPS|HTTP_[A-Z_]*|X[A-Z]+|CONTENT_[A-Z]+|REMOTE_USER|AUTH_TYPE|htaccess[A-Za-z]*|front_[a-z]*|modHeaders[A-Za-z]*|protossl)=' \
| grep -v -E '^(HTTP_HOST|REDIRECT_ERROR_NOTES)=' | sort
cat
"""
PROGRAMS = '<FilesMatch "\\.php$">\nSetHandler cgi-script\n</FilesMatch>\n<Directory "@HERE@">\nOptions +ExecCGI\n</Directory>\n'

WORDPRESS = RealSite(
    "wordpress", ALL + PROGRAMS + "DirectoryIndex index.php index.html\n",
    {
        ".htaccess": r"""# BEGIN WordPress
<IfModule mod_rewrite.c>
RewriteEngine On
RewriteRule .* - [E=HTTP_AUTHORIZATION:%{HTTP:Authorization}]
RewriteBase /
RewriteRule ^index\.php$ - [L]
RewriteCond %{REQUEST_FILENAME} !-f
RewriteCond %{REQUEST_FILENAME} !-d
RewriteRule . /index.php [L]
</IfModule>
# END WordPress

<Files wp-config.php>
    Require all denied
</Files>
<Files xmlrpc.php>
    order deny,allow
    deny from all
</Files>
<FilesMatch "^.*(error_log|php.ini|\.[hH][tT][aApP].*)$">
    Order deny,allow
    Deny from all
</FilesMatch>
# block author scans
RewriteCond %{QUERY_STRING} (author=\d+) [NC]
RewriteRule .* - [F]
# hotlinks
RewriteCond %{HTTP_REFERER} !^$
RewriteCond %{HTTP_REFERER} !^http(s)?://(www\.)?wordpress\.example [NC]
RewriteRule \.(jpg|jpeg|png|gif)$ - [NC,F,L]
<IfModule mod_expires.c>
    ExpiresActive On
    ExpiresByType image/jpeg "access 1 year"
    ExpiresByType text/css "access 1 month"
    ExpiresDefault "access 2 days"
</IfModule>
<IfModule mod_headers.c>
    Header set X-Content-Type-Options "nosniff"
    Header always set X-Frame-Options SAMEORIGIN
    <FilesMatch "\.(css|js)$">
        Header set Cache-Control "max-age=2592000, public"
    </FilesMatch>
    Header unset X-Powered-By
</IfModule>
ErrorDocument 403 "Forbidden by the site"
Options -Indexes
ServerSignature Off
""",
        "index.php": PHP, "wp-config.php": PHP, "xmlrpc.php": PHP, "wp-login.php": PHP, "wp-admin/index.php": PHP,
        "wp-content/uploads/a.jpg": "jpeg", "wp-content/themes/x/style.css": "body{}\n", "wp-content/uploads/.htaccess": "<FilesMatch \"\\.php$\">\nRequire all denied\n</FilesMatch>\n",
        "wp-content/uploads/evil.php": PHP, "error_log": "secret", "readme.html": "<p>readme</p>\n", "wp-includes/js/x.js": "x();\n",
    },
    [
        "/", "/index.php", "/2024/05/a-post/", "/2024/05/a-post/?p=1", "/?author=1", "/?AUTHOR=12", "/wp-config.php", "/xmlrpc.php", "POST /xmlrpc.php || <x/>", "/.htaccess",
        "/error_log", "/wp-admin", "/wp-admin/", "/wp-content/uploads/a.jpg", "/wp-content/uploads/a.jpg | Referer: http://evil.example/", "/wp-content/uploads/a.jpg | Referer: https://www.wordpress.example/x",
        "/wp-content/uploads/evil.php", "/wp-content/uploads/", "/wp-content/themes/x/style.css", "/wp-content/themes/x/none.css", "/readme.html", "HEAD /readme.html", "/wp-json/wp/v2/posts | Authorization: Bearer abc",
        "/index.php/feed/", "/wp-login.php?redirect_to=%2Fx%3Fa%3Db", "POST /wp-login.php | Content-Type: application/x-www-form-urlencoded || log=a&pwd=b", "/caf%C3%A9/", "/a%2Fb/", "/a b/", "/wp-includes/js/x.js",
    ],
    ignored=["Expires"],
)  # fmt: skip

DRUPAL = RealSite(
    "drupal", ALL + PROGRAMS,
    {
        ".htaccess": r"""<FilesMatch "\.(engine|inc|install|make|module|profile|po|sh|.*sql|theme|twig|tpl(\.php)?|xtmpl|yml)(~|\.sw[op]|\.bak|\.orig|\.save)?$|^(\.(?!well-known).*|Entries.*|Repository|Root|Tag|Template|composer\.(json|lock)|web\.config|yarn\.lock|package\.json)$|^#.*#$|\.php(~|\.sw[op]|\.bak|\.orig|\.save)$">
  <IfModule mod_authz_core.c>
    Require all denied
  </IfModule>
  <IfModule !mod_authz_core.c>
    Order allow,deny
  </IfModule>
</FilesMatch>
Options -Indexes
DirectoryIndex index.php index.html index.htm
AddType image/svg+xml svg svgz
AddEncoding gzip svgz
<IfModule mod_expires.c>
  ExpiresActive On
  ExpiresDefault A1209600
  <FilesMatch \.php$>
    ExpiresActive Off
  </FilesMatch>
</IfModule>
<IfModule mod_fcgid.c>
  FcgidPassHeader X
</IfModule>
<IfModule mod_rewrite.c>
  RewriteEngine on
  RewriteRule ^ - [E=protossl]
  RewriteCond %{HTTPS} on
  RewriteRule ^ - [E=protossl:s]
  RewriteRule "/\.|^\.(?!well-known/)" - [F]
  RewriteCond %{HTTP_HOST} ^www\.(.+)$ [NC]
  RewriteRule ^ http%{ENV:protossl}://%1%{REQUEST_URI} [L,R=301]
  RewriteCond %{REQUEST_URI} ^(.*)?/(install\.php) [OR]
  RewriteCond %{REQUEST_URI} ^(.*)?/(rebuild\.php)
  RewriteCond %{REQUEST_URI} !core
  RewriteRule ^ %1/core/%2 [L,QSA,R=301]
  RewriteCond %{REQUEST_FILENAME} !-f
  RewriteCond %{REQUEST_FILENAME} !-d
  RewriteCond %{REQUEST_URI} !=/favicon.ico
  RewriteRule ^ index.php [L]
  RewriteCond %{REQUEST_URI} !/core/[^/]*\.php$
  RewriteCond %{REQUEST_URI} !/core/modules/system/tests/https?\.php
  RewriteRule "^(.+/.*|autoload)\.php($|/)" - [F]
  <IfModule mod_headers.c>
    RewriteCond %{HTTP:Accept-encoding} gzip
    RewriteCond %{REQUEST_FILENAME}\.gz -s
    RewriteRule ^(.*css_[a-zA-Z0-9-_]+)\.css$ $1\.css\.gz [QSA]
    RewriteRule \.css\.gz$ - [T=text/css,E=no-gzip:1,E=no-brotli:1]
    <FilesMatch "(\.js\.gz|\.css\.gz)$">
      Header set Content-Encoding gzip
      Header append Vary Accept-Encoding
    </FilesMatch>
  </IfModule>
</IfModule>
<IfModule mod_headers.c>
  Header always set X-Content-Type-Options nosniff
  RequestHeader unset Proxy
</IfModule>
""",
        "index.php": PHP, "core/install.php": PHP, "core/lib/x.php": PHP, "autoload.php": PHP, "sites/default/settings.yml": "secret", "composer.json": "{}", "web.config": "x",
        "sites/files/css/css_abc-1.css": "plain{}\n", "sites/files/css/css_abc-1.css.gz": "plain{}\n", "logo.svg": "<svg/>", "logo2.svgz": "svg", "a.php~": "x", "robots.txt": "User-agent: *\n",
        ".well-known/security.txt": "Contact: x\n", ".git/config": "secret", "modules/x/x.module": "x",
    },
    [
        "/", "/node/1", "/node/1?destination=node/2", "/index.php?q=node/1", "/user/login", "/install.php", "/sub/install.php?a=1", "/core/install.php", "/core/lib/x.php", "/autoload.php",
        "/sites/default/settings.yml", "/composer.json", "/web.config", "/a.php~", "/.git/config", "/.well-known/security.txt", "/modules/x/x.module", "/sites/files/css/css_abc-1.css",
        "/sites/files/css/css_abc-1.css | Accept-Encoding: gzip", "/sites/files/css/css_abc-1.css?x | Accept-Encoding: gzip, br", "/logo.svg", "/logo2.svgz", "/logo2.svgz.gz", "/favicon.ico",
        "/robots.txt", "/node | Host: www.drupal.example", "/node?a=b%20c | Host: WWW.drupal.example", "/node/1 | Proxy: http://x/", "/index.php/path/info", "/sites/", "/sites",
    ],
    ignored=["Expires"],
)  # fmt: skip

MEDIAWIKI = RealSite(
    "mediawiki",
    ALL + PROGRAMS + r"""
DirectoryIndex index.php
Alias /w/extra "@HERE@/extra"
RewriteEngine On
RewriteRule ^/?wiki(/.*)?$ %{DOCUMENT_ROOT}/w/index.php [L]
RewriteRule ^/*$ %{DOCUMENT_ROOT}/w/index.php [L]
<Directory "@HERE@/w/images">
    AllowOverride None
    AddType text/plain .html .htm .shtml .phtml
    <FilesMatch "\.php$">
        SetHandler none
        ForceType text/plain
    </FilesMatch>
    Options -ExecCGI
</Directory>
<LocationMatch "^/w/(maintenance|cache|\.git)">
    Require all denied
</LocationMatch>
<Location /w/rest.php>
    Header always set Access-Control-Allow-Origin "*"
</Location>
AllowEncodedSlashes NoDecode
""",
        {
            "w/index.php": PHP, "w/load.php": PHP, "w/rest.php": PHP, "w/api.php": PHP, "w/images/a.html": "<script>", "w/images/a.php": PHP, "w/images/a.png": "png",
            "w/images/.htaccess": "Deny from all\n", "w/cache/x": "secret", "w/cache/.htaccess": "Require all denied\n", "w/maintenance/x.php": PHP, "extra/e.txt": "extra",
            "w/skins/.htaccess": "<IfModule mod_rewrite.c>\nRewriteEngine On\nRewriteCond %{QUERY_STRING} \\.[^\\\\/:*?\\x22<>|%]+(#|\\?|$) [nocase]\nRewriteRule . - [forbidden]\n</IfModule>\n",
            "w/skins/s.css": "s{}",
        },
    [
        "/", "//", "/wiki", "/wiki/", "/wiki/Main_Page", "/wiki/Main_Page?action=edit", "/wiki/AC/DC", "/wiki/AC%2FDC", "/wiki/C%2B%2B", "/wiki/What%3F", "/wiki/%C3%9Cber", "/wiki/A:B_(c)", "/wiki/100%25",
        "/w/index.php?title=Main_Page", "/w/index.php/Main_Page", "/w/images/a.html", "/w/images/a.php", "/w/images/a.png", "/w/cache/x", "/w/maintenance/x.php", "/w/.git/x", "/w/skins/s.css", "/w/skins/s.css?x.html",
        "/w/skins/s.css?303", "/w/rest.php/v1/page/Main%2FPage", "/w/extra/e.txt", "/w", "/w/", "/w/none", "POST /w/api.php?action=query | Content-Type: application/x-www-form-urlencoded || a=b",
    ],
)  # fmt: skip

NEXTCLOUD = RealSite(
    "nextcloud", ALL + PROGRAMS,
    {
        ".htaccess": r"""<IfModule mod_headers.c>
  <IfModule mod_setenvif.c>
    <IfModule mod_fcgid.c>
       SetEnvIfNoCase ^Authorization$ "(.+)" XAUTHORIZATION=$1
       RequestHeader set XAuthorization %{XAUTHORIZATION}e env=XAUTHORIZATION
    </IfModule>
    <IfModule mod_proxy_fcgi.c>
       SetEnvIfNoCase Authorization "(.+)" HTTP_AUTHORIZATION=$1
    </IfModule>
    SetEnvIfNoCase ^X-Requested-With$ "(.+)" XREQUESTED=$1
  </IfModule>
  <IfModule mod_env.c>
    Header onsuccess unset Referrer-Policy
    Header always set Referrer-Policy "no-referrer"
    Header onsuccess unset X-Content-Type-Options
    Header always set X-Content-Type-Options "nosniff"
    Header onsuccess unset X-Robots-Tag
    Header always set X-Robots-Tag "noindex, nofollow"
    SetEnv modHeadersAvailable true
  </IfModule>
  <FilesMatch "\.(css|js|svg|gif|png|jpg|webp|ico|wasm|tflite)$">
    <If "%{QUERY_STRING} =~ /(^|&)v=/">
      Header set Cache-Control "max-age=15778463, immutable"
    </If>
    <Else>
      Header set Cache-Control "max-age=15778463"
    </Else>
  </FilesMatch>
  <FilesMatch "\.(otf|woff2?)$">
    Header set Cache-Control "max-age=604800"
  </FilesMatch>
</IfModule>
<IfModule mod_php.c>
  php_value mbstring.func_overload 0
</IfModule>
<IfModule mod_mime.c>
  AddType image/svg+xml svg svgz
  AddType application/wasm wasm
  AddEncoding gzip svgz
  AddType text/javascript js mjs
</IfModule>
<IfModule mod_dir.c>
  DirectoryIndex index.php index.html
</IfModule>
<IfModule pagespeed_module>
  ModPagespeed Off
</IfModule>
<IfModule mod_rewrite.c>
  RewriteEngine on
  RewriteCond %{HTTP_USER_AGENT} DavClnt
  RewriteRule ^$ /remote.php/webdav/ [L,R=302]
  RewriteRule .* - [env=HTTP_AUTHORIZATION:%{HTTP:Authorization}]
  RewriteRule ^\.well-known/carddav /remote.php/dav/ [R=301,L]
  RewriteRule ^\.well-known/caldav /remote.php/dav/ [R=301,L]
  RewriteRule ^remote/(.*) remote.php [QSA,L]
  RewriteRule ^(?:build|tests|config|lib|3rdparty|templates)/.* - [R=404,L]
  RewriteRule ^\.well-known/(?!acme-challenge|pki-validation) /index.php [QSA,L]
  RewriteRule ^ocm-provider/?$ index.php [QSA,L]
  RewriteRule ^(?:\.(?!well-known)|autotest|occ|issue|indie|db_|console).* - [R=404,L]
</IfModule>
AddDefaultCharset utf-8
Options -Indexes
<FilesMatch "\.(?:json)$">
  Require all denied
</FilesMatch>
ErrorDocument 403 /index.php/error/403
ErrorDocument 404 /index.php/error/404
<IfModule mod_rewrite.c>
  Options -MultiViews
  RewriteRule ^core/js/oc.js$ index.php [PT,E=PATH_INFO:$1]
  RewriteRule ^core/preview.png$ index.php [PT,E=PATH_INFO:$1]
  RewriteCond %{REQUEST_FILENAME} !\.(css|js|mjs|svg|gif|ico|jpg|jpeg|png|webp|html|otf|ttf|woff2?|map|webm|mp4|mp3|ogg|wav|flac|wasm|tflite)$
  RewriteCond %{REQUEST_FILENAME} !/core/ajax/update\.php
  RewriteCond %{REQUEST_FILENAME} !/core/img/(favicon\.ico|manifest\.json)$
  RewriteCond %{REQUEST_FILENAME} !/(cron|public|remote|status)\.php
  RewriteCond %{REQUEST_FILENAME} !/robots\.txt
  RewriteCond %{REQUEST_URI} !^/\.well-known/(acme-challenge|pki-validation)/.*
  RewriteRule . index.php [PT,E=PATH_INFO:$1]
  RewriteBase /
  <IfModule mod_env.c>
    SetEnv front_controller_active true
    <IfModule mod_dir.c>
      DirectorySlash off
    </IfModule>
  </IfModule>
</IfModule>
""",
        "index.php": PHP, "remote.php": PHP, "status.php": PHP, "core/js/main.js": "js();\n", "core/css/a.css": "a{}\n", "core/fonts/f.woff2": "font", "config/config.php": PHP, "data.json": "{}", "robots.txt": "x\n",
        "core/img/logo.svg": "<svg/>", "core/img/manifest.json": "{}", ".user.ini": "x", "occ": "x", ".well-known/acme-challenge/token": "token",
    },
    [
        "/", "/ | User-Agent: Microsoft-WebDAV-MiniRedir DavClnt/1", "/index.php/apps/files", "/apps/files/?dir=/a%20b", "/remote.php/dav/files/u/ | Authorization: Basic YTpi", "PROPFIND /remote.php/dav/", "/.well-known/carddav",
        "/.well-known/caldav/x", "/.well-known/webfinger?resource=acct:x", "/.well-known/acme-challenge/token", "/remote/webdav/x?y", "/status.php", "/config/config.php", "/lib/x", "/data.json", "/core/js/main.js", "/core/js/main.js?v=abc",
        "/core/js/main.js?a=1&v=2", "/core/js/oc.js", "/core/css/a.css", "/core/css/none.css", "/core/fonts/f.woff2", "/core/img/logo.svg", "/core/img/manifest.json", "/core", "/core/", "/.user.ini", "/occ", "/robots.txt", "/.htaccess",
        "/s/aBcD | X-Requested-With: XMLHttpRequest", "/ocm-provider", "/ocm-provider/",
    ],
)  # fmt: skip

CUSTOMERS = RealSite(
    "customers",
    """\
<Directory "@HERE@">
    Require all granted
    AllowOverride FileInfo AuthConfig Limit Indexes Options=Indexes,SymLinksIfOwnerMatch
    Options SymLinksIfOwnerMatch
</Directory>
Alias /icons/ "@HERE@/shared/icons/"
ErrorDocument 404 /errors/404.html
ErrorDocument 503 "Back soon"
Alias /errors "@HERE@/shared/errors"
RedirectMatch 404 "/\\.(git|svn)(/|$)"
Redirect permanent /old http://customers.example/new
Redirect gone /dead
RewriteEngine On
RewriteCond %{HTTP_HOST} ^www\\.(?<bare>.+)$ [NC]
RewriteRule ^ http://%1%{REQUEST_URI} [R=301,L,NE]
RewriteCond "@HERE@/maintenance" -f
RewriteCond %{REMOTE_ADDR} !^192\\.0\\.2\\.
RewriteRule ^/shop - [R=503,L]
<Location /server-status>
    SetHandler server-status
    Require ip 192.0.2.0/24
</Location>
Use Area private "Members only"
Use Area staff "Staff"
""",
    {
        "web/index.html": "<p>customer</p>\n", "web/private/a.txt": "private\n", "web/staff/a.txt": "staff\n", "users": "anna:one bert:two", "groups": "staff: bert\nprivate: anna bert\n", "shared/errors/404.html": "<p>nothing</p>\n",
        "shared/icons/x.png": "icon", "maintenance": "", "web/shop/index.html": "shop", "web/.git/config": "x", "web/sub/.htaccess": "Options +ExecCGI\n", "web/sub/a.txt": "a", "web/sub2/.htaccess": "Options +Indexes\nIndexOptions FancyIndexing SuppressLastModified SuppressSize\n", "web/sub2/a.txt": "a",
        "web/sub3/.htaccess": "Options +FollowSymLinks\n", "web/sub3/a.txt": "a",
    },
    [
        "/", "/ | Host: www.customers.example", "/a%20b?x=%2F | Host: WWW.customers.example", "/ | Host: shop.customers.example", "/private/a.txt", "/private/a.txt | Authorization: Basic YW5uYTpvbmU=", "/private/a.txt | Authorization: Basic YW5uYTp3cm9uZw==",
        "/staff/a.txt | Authorization: Basic YW5uYTpvbmU=", "/staff/a.txt | Authorization: Basic YmVydDp0d28=", "/none", "/shop/", "/shop", "/old/x?y=z", "/dead/x", "/.git/config", "/.svn", "/icons/x.png", "/icons", "/errors/404.html", "/errors/none", "/server-status", "/sub/a.txt", "/sub2/", "/sub3/a.txt",
        "HEAD /none", "OPTIONS /", "DELETE /",
    ],
    server="""\
<Macro Area $name $realm>
    <Location /$name>
        AuthType Basic
        AuthName "$realm"
        AuthUserFile "@HERE@/users"
        AuthGroupFile "@HERE@/groups"
        Require group $name
    </Location>
</Macro>
""",
    root="/web",
)  # fmt: skip

USERDIRS = RealSite(
    "userdirs",
    """\
<Directory "@HERE@">
    Require all granted
</Directory>
<IfModule mod_userdir.c>
    UserDir "@HERE@/homes/*/public_html"
    UserDir disabled root
    <Directory "@HERE@/homes/*/public_html">
        AllowOverride FileInfo AuthConfig Limit Indexes
        Options MultiViews Indexes SymLinksIfOwnerMatch IncludesNoExec
        Require method GET POST OPTIONS
    </Directory>
</IfModule>
AddLanguage en .en
AddLanguage de .de
AddOutputFilter INCLUDES .shtml
AddType text/html .shtml
""",
    {
        "homes/anna/public_html/index.html": "<p>anna</p>\n", "homes/anna/public_html/page.html.en": "<p>english</p>\n", "homes/anna/public_html/page.html.de": "<p>deutsch</p>\n", "homes/anna/public_html/list/a.txt": "a",
        "homes/anna/public_html/s.shtml": '<!--#echo var="DOCUMENT_NAME" --><!--#exec cmd="echo no" -->\n', "homes/anna/public_html/secret/.htaccess": "Deny from all\n", "homes/anna/public_html/secret/a": "x",
        "homes/anna/public_html/bad/.htaccess": "Options All\n", "homes/anna/public_html/bad/a": "x", "homes/bert/public_html/.htaccess": "ErrorDocument 404 \"not at bert's\"\nDirectoryIndex start.html\n", "homes/bert/public_html/start.html": "start", "homes/root/public_html/index.html": "root",
        "homes/carl/private": "x", "index.html": "main",
    },
    [
        "/", "/~anna", "/~anna/", "/~anna/page", "/~anna/page | Accept-Language: de", "/~anna/page.html | Accept-Language: fr", "/~anna/list", "/~anna/list/", "/~anna/s.shtml", "/~anna/secret/a", "/~anna/bad/a", "/~anna/none", "/~bert/", "/~bert/none", "/~root/", "/~carl/",
        "/~nobody/", "/~", "/~/", "/~../", "/~anna/../bert/", "/~anna/%2e%2e/bert/", "PUT /~anna/x || y", "POST /~anna/index.html || y", "/%7Eanna/",
    ],
    ignored=["ETag", "Accept-Ranges"],
)  # fmt: skip

MIRROR = RealSite(
    "mirror",
    """\
<Directory "@HERE@">
    Options Indexes FollowSymLinks
    AllowOverride Indexes
    Require all granted
    IndexOptions FancyIndexing HTMLTable FoldersFirst NameWidth=* DescriptionWidth=* IgnoreCase VersionSort SuppressRules Charset=UTF-8
    IndexIgnore .??* *~ *# HEADER* README* RCS CVS *,v *,t
    IndexStyleSheet /style.css
    IndexHeadInsert "<meta name=\\"robots\\" content=\\"noarchive\\">"
    HeaderName HEADER.html
    ReadmeName README.html
    AddDescription "GZIP compressed archive" .tar.gz .tgz
    AddDescription "Checksums" *SUMS
    AddIcon (DIR,/icons/folder.gif) ^^DIRECTORY^^
    AddIcon /icons/back.gif ..
    AddIconByEncoding (CMP,/icons/compressed.gif) x-gzip
    AddIconByType (TXT,/icons/text.gif) text/*
    DefaultIcon /icons/unknown.gif
    AddAlt "Blank" ^^BLANKICON^^
    IndexOrderDefault Descending Date
</Directory>
AddEncoding x-gzip .gz .tgz
AddType application/x-gzip .tgz
<Location /pub/incoming>
    Options -Indexes
</Location>
""",
    {
        "HEADER.html": "<h1>Mirror</h1>\n", "README.html": "<p>read</p>\n", "pub/a-1.10.tar.gz": "x" * 3000, "pub/a-1.9.tar.gz": "y" * 300000, "pub/SHA256SUMS": "s", "pub/notes.txt": "n", "pub/Dir/x": "x", "pub/b.iso": "i", "pub/old~": "o", "pub/.hidden": "h", "pub/incoming/x": "x",
        "pub/plain/.htaccess": "IndexOptions -FancyIndexing\n", "pub/plain/a": "a", "pub/plain/b": "b", "pub/sp ace & <b>.txt": "s", "style.css": "x{}",
    },
    [
        "/", "/pub", "/pub/", "/pub/?C=N;O=A", "/pub/?C=N;O=D", "/pub/?C=M;O=A", "/pub/?C=S;O=D", "/pub/?C=D;O=A", "/pub/?P=*.gz", "/pub/?F=0", "/pub/?F=1&V=0", "/pub/?C=X;O=Y", "/pub/incoming/", "/pub/plain/", "/pub/Dir/", "/pub/a-1.10.tar.gz", "/pub/a-1.9.tar.gz | Range: bytes=100-199",
        "/pub/.hidden", "/pub/sp%20ace%20%26%20%3Cb%3E.txt", "HEAD /pub/", "/pub/none/", "POST /pub/ || x",
    ],
)  # fmt: skip

SCRIPTS = RealSite(
    "scripts",
    """\
ScriptAlias /cgi-bin/ "@HERE@/cgi-bin/"
<Directory "@HERE@/cgi-bin">
    AllowOverride None
    Options +ExecCGI -MultiViews +SymLinksIfOwnerMatch
    Require all granted
</Directory>
<Directory "@HERE@/html">
    Options +Includes
    AddType text/html .shtml
    AddOutputFilter INCLUDES .shtml
    XBitHack on
    DirectoryIndex index.shtml index.html
    Require all granted
    SSITimeFormat "%Y-%m-%d"
    SSIUndefinedEcho "-"
</Directory>
SetEnv SITE "The site"
PassEnv PATH
Action x-wrapped /cgi-bin/wrap
AddHandler x-wrapped .wrapped
""",
    {
        "cgi-bin/env": PHP, "cgi-bin/wrap": '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\nwrapped $PATH_INFO\\n"\n', "cgi-bin/status": "#!/bin/sh\nprintf 'Status: 418 Teapot\\nContent-Type: text/plain\\n\\nshort and stout\\n'\n", "cgi-bin/redirect": "#!/bin/sh\nprintf 'Location: /page.html\\n\\n'\n",
        "cgi-bin/away": "#!/bin/sh\nprintf 'Location: http://other.example/x\\n\\n'\n", "cgi-bin/broken": "#!/bin/sh\necho no header\n", "cgi-bin/nothing": "#!/bin/sh\n", "cgi-bin/cookie": "#!/bin/sh\nprintf 'Set-Cookie: a=1\\nSet-Cookie: b=2\\nContent-Type: text/plain\\n\\nc\\n'\n", "cgi-bin/plain.txt": "no program",
        "cgi-bin/nph-raw": "#!/bin/sh\nprintf 'HTTP/1.1 202 Raw\\r\\nContent-Type: text/plain\\r\\nContent-Length: 3\\r\\n\\r\\nraw'\n", "cgi-bin/head": "#!/bin/sh\nprintf 'Content-Type: text/plain\\nLast-Modified: Tue, 14 Nov 2023 22:13:20 GMT\\nETag: \"t\"\\n\\nbody\\n'\n",
        "html/index.shtml": '<!--#set var="title" value="Home of $SITE" --><!--#include virtual="/top.shtml" -->\n<!--#if expr="v(\'QUERY_STRING\') =~ /lang=(..)/" -->lang $1<!--#elif expr="true" -->no lang<!--#else -->never<!--#endif -->\n<!--#include virtual="/cgi-bin/env?from=ssi" -->\n<!--#echo var="undefined" -->\n<!--#flastmod file="page.html" --> <!--#config sizefmt="bytes" --><!--#fsize file="page.html" -->\n',
        "html/top.shtml": '<title><!--#echo var="title" encoding="entity" --></title>', "html/page.html": "<p>page</p>\n", "html/hot.html": "#!<!--#echo var=\"DOCUMENT_NAME\" -->\n", "html/f.wrapped": "x", "html/error.shtml": '<!--#include virtual="/none" -->|<!--#nosuch -->|<!--#exec cmd="echo cmd" -->|<!--#exec cgi="/cgi-bin/wrap" -->\n',
    },
    [
        "/", "/?lang=de", "/index.shtml/path?x", "/page.html", "/hot.html", "/error.shtml", "/f.wrapped", "/f.wrapped/info?q", "/cgi-bin/env", "/cgi-bin/env/a/b%20c?d=e+f", "/cgi-bin/env?word+two", "POST /cgi-bin/env | Content-Type: text/plain || body", "/cgi-bin/status", "/cgi-bin/redirect", "/cgi-bin/away", "/cgi-bin/broken", "/cgi-bin/nothing",
        "/cgi-bin/cookie", "/cgi-bin/plain.txt", "/cgi-bin/none", "/cgi-bin/", "/cgi-bin", "/cgi-bin/nph-raw", "/cgi-bin/head", "/cgi-bin/head | If-None-Match: \"t\"", "/cgi-bin/head | If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT", "HEAD /cgi-bin/env", "PUT /cgi-bin/env || x", "HEAD /", "/cgi-bin/env | X-Custom: a | X-Custom: b | Cookie: c=d",
    ],
    root="/html",
    ignored=["Accept-Ranges", "Content-Length", "Transfer-Encoding"],
)  # fmt: skip

CDN = RealSite(
    "cdn",
    r"""
<Directory "@HERE@">
    Options FollowSymLinks
    Require all granted
</Directory>
FileETag MTime Size
AddOutputFilterByType BROTLI_COMPRESS;DEFLATE text/html text/plain text/css text/javascript application/json image/svg+xml
BrotliCompressionQuality 4
DeflateCompressionLevel 6
ExpiresActive On
ExpiresDefault "access plus 1 hour"
ExpiresByType text/html "access plus 0 seconds"
ExpiresByType text/css "modification plus 1 year"
<FilesMatch "\.[0-9a-f]{8}\.(css|js|png|woff2)$">
    Header set Cache-Control "public, max-age=31536000, immutable"
    Header unset ETag
    FileETag None
</FilesMatch>
SetEnvIf Origin "^https://(.+\.)?cdn\.example$" CORS=$0
Header set Access-Control-Allow-Origin "%{CORS}e" env=CORS
Header merge Vary Origin
<LimitExcept GET HEAD OPTIONS>
    Require all denied
</LimitExcept>
<If "%{REQUEST_METHOD} == 'OPTIONS' && -n req('Access-Control-Request-Method')">
    Header always set Access-Control-Allow-Methods "GET, HEAD"
    Header always set Access-Control-Max-Age 600
</If>
RewriteEngine On
RewriteCond %{HTTP:Accept-Encoding} \bgzip\b
RewriteCond %{DOCUMENT_ROOT}%{REQUEST_URI}.gz -f
RewriteRule ^/(.+\.js)$ /$1.gz [L]
<Files *.js.gz>
    ForceType text/javascript
    Header set Content-Encoding gzip
    SetEnv no-gzip 1
    SetEnv no-brotli 1
    Header append Vary Accept-Encoding
</Files>
Header set Timing-Allow-Origin *
Header edit Cache-Control "max-age=0" "no-cache"
RequestHeader edit Accept-Encoding "br;q=0" "identity"
""".replace("<LimitExcept", '<Directory "@HERE@">\n<LimitExcept').replace("</LimitExcept>", "</LimitExcept>\n</Directory>"),
    {
        "index.html": "<p>index</p>\n" * 50, "a.css": "a{}\n" * 50, "app.0123abcd.css": "b{}\n" * 50, "app.0123abcd.png": "png", "lib.js": "lib();\n" * 50, "lib.js.gz": "lib();\n" * 50, "plain.js": "p();\n" * 50, "data.json": "{}", "logo.svg": "<svg/>" * 40, "font.woff2": "font", "big.bin": "0123456789" * 3000,
    },
    [
        "/", "/ | Accept-Encoding: gzip", "/a.css | Accept-Encoding: gzip", "/a.css", "/app.0123abcd.css", "/app.0123abcd.css | Accept-Encoding: gzip", "/app.0123abcd.png", "/lib.js", "/lib.js | Accept-Encoding: gzip, br", "/lib.js?v=2 | Accept-Encoding: gzip", "/plain.js", "/data.json", "/logo.svg", "/font.woff2 | Origin: https://cdn.example",
        "/font.woff2 | Origin: https://a.cdn.example", "/font.woff2 | Origin: https://evil.example", "OPTIONS /font.woff2 | Origin: https://cdn.example | Access-Control-Request-Method: GET", "POST / || x", "DELETE /a.css", "/big.bin | Range: bytes=0-9", "/big.bin | Range: bytes=-5 | If-Range: \"x\"",
        "/none", "HEAD /big.bin",
    ],
    ignored=["Expires", "Content-Length", "Transfer-Encoding"],
)  # fmt: skip

BALANCED = RealSite(
    "balanced",
    r"""
RemoteIPHeader X-Forwarded-For
RemoteIPInternalProxy 127.0.0.0/8
RemoteIPTrustedProxy 203.0.113.0/24
RemoteIPProxiesHeader X-Via
<Directory "@HERE@">
    Options +ExecCGI
    Require all granted
</Directory>
ScriptAlias /env "@HERE@/env"
SetEnvIf X-Forwarded-Proto ^https$ HTTPS=on
RewriteEngine On
RewriteCond %{HTTP:X-Forwarded-Proto} =http
RewriteCond %{REQUEST_URI} !^/health
RewriteRule ^ https://%{HTTP_HOST}%{REQUEST_URI} [R=308,L]
<Location /admin>
    Require ip 198.51.100.0/24 2001:db8::/32
</Location>
<Location /intern>
    Order deny,allow
    Deny from all
    Allow from 198.51.100.
</Location>
<If "%{REMOTE_ADDR} -ipmatch '198.51.100.0/24'">
    Header set X-Office yes
</If>
Header set X-Client "%{REMOTE_ADDR}s"
Header set X-Client "expr=%{REMOTE_ADDR}"
SetEnvIf Remote_Addr ^192\.0\.2\. blocked
<Location /shop>
    <RequireAll>
        Require all granted
        Require not env blocked
    </RequireAll>
</Location>
""".replace('Header set X-Client "%{REMOTE_ADDR}s"\n', ""),
    {"index.html": "index", "health": "ok", "admin/a": "a", "intern/a": "a", "shop/a": "a", "env": PHP.replace("HTTPS|", "HTTPS|REMOTE_ADDR|")},
    [
        "/", "/ | X-Forwarded-For: 198.51.100.7", "/admin/a", "/admin/a | X-Forwarded-For: 198.51.100.7", "/admin/a | X-Forwarded-For: 198.51.100.7, 203.0.113.5", "/admin/a | X-Forwarded-For: 198.51.100.7, 192.0.2.1", "/admin/a | X-Forwarded-For: 2001:db8::1", "/intern/a | X-Forwarded-For: 198.51.100.7", "/intern/a | X-Forwarded-For: 198.51.101.7",
        "/intern/a", "/shop/a | X-Forwarded-For: 192.0.2.1", "/shop/a | X-Forwarded-For: 192.0.3.1", "/x?y | X-Forwarded-Proto: http", "/health | X-Forwarded-Proto: http", "/env | X-Forwarded-Proto: https | X-Forwarded-For: 10.0.0.1, 203.0.113.9", "/env | X-Forwarded-For: garbage", "/env | X-Forwarded-For: 198.51.100.7:1234", "/env | X-Forwarded-For: 8.8.8.8, 203.0.113.9",
    ],
)  # fmt: skip

LANGUAGES = RealSite(
    "languages",
    r"""
<Directory "@HERE@">
    Options MultiViews
    AllowOverride FileInfo
    Require all granted
    <Files *.html>
        SetHandler type-map
    </Files>
</Directory>
<Directory "@HERE@/views">
    <Files *.html>
        SetHandler none
    </Files>
</Directory>
AddLanguage de .de
AddLanguage en .en
AddLanguage fr .fr
AddLanguage pt-BR .pt-br
AddLanguage zh-CN .zh-cn
AddCharset ISO-2022-JP .jis
AddCharset UTF-8 .utf8
AddEncoding x-gzip .gz
LanguagePriority en de fr
ForceLanguagePriority Prefer Fallback
SetEnvIf Request_URI ^/(de|en|fr)/ prefer-language=$1
RedirectMatch 301 ^(?:/(de|en|fr)){2,}(/.*)?$ /$1$2
AliasMatch ^/(?:de|en|fr)(/.*)?$ "@HERE@$1"
DirectoryIndex index
""",
    {
        "index.html": "URI: index.html.en\nContent-Language: en\nContent-type: text/html; charset=ISO-8859-1\n\nURI: index.html.de\nContent-Language: de\nContent-type: text/html; charset=ISO-8859-1\n\nURI: index.html.fr\nContent-Language: fr\nContent-type: text/html; charset=UTF-8\n",
        "index.html.en": "english", "index.html.de": "deutsch", "index.html.fr": "fran", "views/p.html.en": "p en", "views/p.html.de": "p de", "views/p.html.pt-br": "p br", "views/q.en.html": "q en", "views/q.html": "q none", "views/r.html.en.gz": "r packed", "views/r.html.en": "r en",
        "views/s.html.zh-cn.utf8": "s", "views/t.txt": "t", "views/t.html": "<p>t</p>", "views/only.fr.html": "fr",
    },
    [
        "/", "/ | Accept-Language: de", "/index | Accept-Language: fr", "/index.html | Accept-Language: fr;q=0.5, de;q=0.9", "/index.html | Accept-Language: it", "/de/", "/de/index.html", "/fr/index.html | Accept-Language: de", "/de/fr/index.html", "/de/fr/", "/views/p", "/views/p | Accept-Language: pt", "/views/p | Accept-Language: pt-BR", "/views/p | Accept-Language: de-AT",
        "/views/p.html | Accept-Language: en;q=0", "/views/q", "/views/q | Accept-Language: de", "/views/r | Accept-Encoding: gzip", "/views/r | Accept-Encoding: identity", "/views/s", "/views/t | Accept: text/plain", "/views/t | Accept: text/html;q=0.4, text/plain;q=0.3", "/views/t | Accept: image/png", "/views/only | Accept-Language: de", "/views/none", "/views/p.html.de",
        "HEAD /views/p", "POST /index.html || x",
    ],
    ignored=["ETag"],
)  # fmt: skip

LOGIN = RealSite(
    "login",
    """\
<Directory "@HERE@">
    Require all granted
</Directory>
ScriptAlias /account "@HERE@/../login/env"
<Location /account>
    Options +ExecCGI
    AuthType form
    AuthName account
    AuthFormProvider file
    AuthUserFile "@HERE@/users"
    AuthFormLoginRequiredLocation "/login.html?to=%{REQUEST_URI}"
    Session On
    SessionCookieName account path=/;httponly
    Require valid-user
</Location>
<Location /do-login>
    SetHandler form-login-handler
    AuthType form
    AuthName account
    AuthFormProvider file
    AuthUserFile "@HERE@/users"
    AuthFormLoginRequiredLocation /login.html?failed
    AuthFormLoginSuccessLocation /account
    Session On
    SessionCookieName account path=/;httponly
</Location>
<Location /logout>
    SetHandler form-logout-handler
    AuthName account
    AuthType form
    AuthFormLogoutLocation /bye.html
    Session On
    SessionMaxAge 1
    SessionCookieName account path=/;httponly
</Location>
""",
    {"users": "anna:one bert:two", "login.html": "<form>", "bye.html": "bye", "env": PHP},
    [
        "/account", "/account/x?y=z", "/login.html", "POST /do-login | Content-Type: application/x-www-form-urlencoded || httpd_username=anna&httpd_password=one", "POST /do-login | Content-Type: application/x-www-form-urlencoded || httpd_username=anna&httpd_password=two",
        "POST /do-login | Content-Type: application/x-www-form-urlencoded || httpd_username=anna", "POST /do-login | Content-Type: text/plain || x", "/account | Cookie: account=account-user=anna&account-pw=one", "/account | Cookie: account=account-user=anna&account-pw=wrong", "/account | Cookie: other=1; account=account-user=bert&account-pw=two",    ],
    ignored=["Set-Cookie", "Cache-Control"],
)  # fmt: skip

FILTERED = RealSite(
    "filtered",
    """\
<Directory "@HERE@">
    Options +Includes
    Require all granted
</Directory>
<Location /code>
    SetOutputFilter number;markup
</Location>
<Location /both>
    SetOutputFilter INCLUDES;upper
</Location>
<Location /swapped>
    SetOutputFilter upper;INCLUDES
</Location>
<Location /replaced>
    SetOutputFilter SUBSTITUTE;INCLUDES
    Substitute "s/NAME/DOCUMENT_NAME/n"
</Location>
<Location /replaced-later>
    SetOutputFilter INCLUDES;SUBSTITUTE
    Substitute "s/shtml/SHTML/n"
</Location>
AddOutputFilter upper .up
AddOutputFilterByType SUBSTITUTE text/html
Substitute "s|http://old.example|https://new.example|ni"
Substitute "s/(\\\\d+) EUR/$1 €/"
SubstituteMaxLineLength 10m
""".replace('Substitute "s/NAME', 'Substitute "s/NAME').replace("\\\\d", "\\d"),
    {
        "code/a.c": "int main() {}\nreturn 0;\n", "both/a.shtml": 'name: <!--#echo var="DOCUMENT_NAME" -->\n', "swapped/a.shtml": 'name: <!--#echo var="DOCUMENT_NAME" -->\n', "replaced/a.shtml": '<!--#echo var="NAME" -->\n', "replaced-later/a.shtml": '<!--#echo var="DOCUMENT_NAME" -->\n', "a.up": "shout\n", "page.html": "<a href='HTTP://OLD.example/x'>12 EUR</a>\n",
        "page.txt": "http://old.example\n", "up.html.up": "http://old.example 5 EUR\n",
    },
    ["/code/a.c", "HEAD /code/a.c", "/both/a.shtml", "/swapped/a.shtml", "/replaced/a.shtml", "/replaced-later/a.shtml", "/a.up", "/page.html", "/page.txt", "/up.html.up", "/page.html | Range: bytes=0-3", "/code/none", "/page.html | If-None-Match: \"x\""],
    server='ExtFilterDefine number mode=output cmd="/bin/cat -n"\nExtFilterDefine markup mode=output outtype=text/html cmd="/bin/sed s/int/<b>int<\\\\/b>/"\nExtFilterDefine upper mode=output cmd="/usr/bin/tr a-z A-Z"\n',
    ignored=["Accept-Ranges", "ETag", "Content-Length", "Transfer-Encoding"],
)  # fmt: skip

SPELLING = RealSite(
    "spelling",
    """\
<Directory "@HERE@">
    Options Indexes
    Require all granted
</Directory>
CheckSpelling On
<Location /case>
    CheckSpelling On
    CheckCaseOnly On
</Location>
<Location /exact>
    CheckSpelling Off
</Location>
""",
    {"index.html": "index", "report.html": "report", "repost.html": "repost", "Readme.txt": "readme", "sub/Page.html": "page", "case/Page.html": "page", "exact/Page.html": "page", "photo.jpeg": "j", "photo.png": "p", "sp ace.html": "s"},
    [
        "/report.html", "/reprot.html", "/repor.html", "/reportt.html", "/REPORT.html", "/readme.TXT", "/sub/page.html", "/SUB/page.html", "/sub/pge.html", "/case/page.html", "/case/pge.html", "/exact/page.html", "/photo", "/photo.jpg", "/nothing-like-it.html", "/sp%20acd.html", "/report.html/info", "/reprot.html/info?x=y", "POST /reprot.html || x", "/reqort.html | Referer: http://x.example/", "HEAD /readme.txt",
    ],
)  # fmt: skip

MASSES = RealSite(
    "masses",
    """\
<Directory "@HERE@">
    Options +ExecCGI
    Require all granted
</Directory>
VirtualDocumentRoot "@HERE@/hosts/%1/%2.1/docs"
VirtualScriptAlias "@HERE@/hosts/%1/%2.1/cgi-bin"
""",
    {"hosts/anna/m/docs/index.html": "anna", "hosts/anna/m/cgi-bin/env": PHP, "hosts/bert/m/docs/a.txt": "bert", "hosts/_/m/docs/index.html": "nobody"},
    ["/ | Host: anna.masses.example", "/index.html | Host: ANNA.masses.example", "/cgi-bin/env?a=b | Host: anna.masses.example", "/cgi-bin/none | Host: anna.masses.example", "/a.txt | Host: bert.masses.example", "/ | Host: bert.masses.example", "/ | Host: carl.masses.example", "/ | Host: anna.masses.example:81", "/ | Host: anna.masses.example.", "/../x | Host: anna.masses.example", "/ | Host: %2e%2e.masses.example", "/"],
)  # fmt: skip

INTRANET = RealSite(
    "intranet",
    """\
<Directory "@HERE@">
    Options Indexes FollowSymLinks
    AllowOverride AuthConfig Limit
    Order allow,deny
    Allow from all
</Directory>
<Directory "@HERE@/local">
    Order deny,allow
    Deny from all
    Allow from 127.0.0.1 ::1
</Directory>
<Directory "@HERE@/either">
    AuthType Basic
    AuthName "Intranet"
    AuthUserFile "@HERE@/users"
    Require valid-user
    Order deny,allow
    Deny from all
    Allow from 192.0.2.0/24
    Satisfy Any
</Directory>
<Directory "@HERE@/posts">
    <Limit POST PUT DELETE>
        AuthType Basic
        AuthName "Writers"
        AuthUserFile "@HERE@/users"
        Require user anna
    </Limit>
    <LimitExcept POST PUT DELETE GET HEAD OPTIONS>
        Order deny,allow
        Deny from all
    </LimitExcept>
</Directory>
<FilesMatch "^\\.ht">
    Order allow,deny
    Deny from all
    Satisfy All
</FilesMatch>
SetEnvIf User-Agent ^Bad bad_bot
<Location /bots>
    Order allow,deny
    Allow from all
    Deny from env=bad_bot
</Location>
""",
    {
        "users": "anna:one bert:two", "index.html": "index", "local/a": "a", "either/a": "a", "posts/a": "a", "bots/a": "a", ".htpasswd": "x", "mine/.htaccess": 'AuthType Basic\nAuthName "Mine"\nAuthUserFile "@HERE@/users"\n<Limit GET>\nRequire user bert\n</Limit>\n', "mine/a": "a",
        "never/.htaccess": "Order allow,deny\nDeny from 127.0.0.1\n", "never/a": "a", "broken/.htaccess": "Options None\n", "broken/a": "a",
    },
    [
        "/", "/local/a", "/either/a", "/either/a | Authorization: Basic YW5uYTpvbmU=", "/either/a | Authorization: Basic eDp5", "/posts/a", "POST /posts/a || x", "POST /posts/a | Authorization: Basic YW5uYTpvbmU= || x", "POST /posts/a | Authorization: Basic YmVydDp0d28= || x", "PROPFIND /posts/a", "OPTIONS /posts/a", "/.htpasswd", "/users", "/bots/a", "/bots/a | User-Agent: BadBot/1.0",
        "/mine/a", "/mine/a | Authorization: Basic YmVydDp0d28=", "/mine/a | Authorization: Basic YW5uYTpvbmU=", "HEAD /mine/a", "POST /mine/a || x", "/never/a", "/broken/a",
    ],
)  # fmt: skip

BOILERPLATE = RealSite(
    "boilerplate", ALL,
    {
        ".htaccess": r"""<IfModule mod_setenvif.c>
    <IfModule mod_headers.c>
        <FilesMatch "\.(avifs?|bmp|cur|gif|ico|jpe?g|png|svgz?|webp)$">
            SetEnvIf Origin ":" IS_CORS
            Header set Access-Control-Allow-Origin "*" env=IS_CORS
        </FilesMatch>
    </IfModule>
</IfModule>
ErrorDocument 404 /404.html
Options -MultiViews
<IfModule mod_headers.c>
    Header set X-UA-Compatible "IE=edge" "expr=%{CONTENT_TYPE} =~ m#text/html#i"
</IfModule>
<IfModule mod_mime.c>
    AddType application/json json map topojson
    AddType application/manifest+json webmanifest
    AddType text/javascript js mjs
    AddType image/webp webp
    AddType text/vtt vtt
    AddCharset utf-8 .appcache .css .js .json .manifest .map .webmanifest .xml
</IfModule>
AddDefaultCharset utf-8
<IfModule mod_rewrite.c>
    RewriteEngine On
    Options +FollowSymlinks
    RewriteCond %{HTTP_HOST} !^www\. [NC]
    RewriteCond %{SERVER_ADDR} !=127.0.0.1
    RewriteRule ^ http://www.%{HTTP_HOST}%{REQUEST_URI} [R=301,L]
    RewriteCond %{REQUEST_URI} "!(^|/)\.well-known/([^./]+./?)+$" [NC]
    RewriteCond %{SCRIPT_FILENAME} -d [OR]
    RewriteCond %{SCRIPT_FILENAME} -f
    RewriteRule "(^|/)\." - [F]
    RewriteCond %{REQUEST_FILENAME} !-f
    RewriteRule ^(.+)\.(\w+)\.(bmp|css|cur|gif|ico|jpe?g|m?js|a?png|svgz?|webp|webmanifest)$ $1.$3 [L]
</IfModule>
<IfModule mod_autoindex.c>
    Options -Indexes
</IfModule>
<IfModule mod_authz_core.c>
    <FilesMatch "(^#.*#|\.(bak|conf|dist|fla|in[ci]|log|orig|psd|sh|sql|sw[op])|~)$">
        Require all denied
    </FilesMatch>
</IfModule>
<IfModule mod_headers.c>
    Header always set X-Frame-Options "DENY" "expr=%{CONTENT_TYPE} =~ m#text/html#i"
    Header always set Content-Security-Policy "default-src 'self'; base-uri 'none'; form-action 'self'" "expr=%{CONTENT_TYPE} =~ m#text\/(html|javascript)|application\/pdf|xml#i"
    Header always set Referrer-Policy "strict-origin-when-cross-origin" "expr=%{CONTENT_TYPE} =~ m#text\/(css|html|javascript)|application\/pdf|xml#i"
    Header always unset X-Powered-By
    Header unset X-Powered-By
</IfModule>
<IfModule mod_deflate.c>
    <IfModule mod_setenvif.c>
        <IfModule mod_headers.c>
            SetEnvIfNoCase ^(Accept-EncodXng|X-cept-Encoding|X{15}|~{15}|-{15})$ ^((gzip|deflate)\s*,?\s*)+|[X~-]{4,13}$ HAVE_Accept-Encoding
            RequestHeader append Accept-Encoding "gzip,deflate" env=HAVE_Accept-Encoding
        </IfModule>
    </IfModule>
    <IfModule mod_filter.c>
        AddOutputFilterByType DEFLATE "application/javascript" "application/json" "image/svg+xml" "text/css" "text/html" "text/javascript" "text/plain"
    </IfModule>
    <IfModule mod_mime.c>
        AddEncoding gzip svgz
    </IfModule>
</IfModule>
FileETag None
<IfModule mod_expires.c>
    ExpiresActive on
    ExpiresDefault "access plus 1 month"
    ExpiresByType text/css "access plus 1 year"
    ExpiresByType text/html "access plus 0 seconds"
    ExpiresByType application/json "access plus 0 seconds"
</IfModule>
""",
        "index.html": "<p>index</p>\n" * 20, "404.html": "<p>not here</p>\n", "a.css": "a{}\n" * 40, "b.js": "b();\n" * 40, "i.png": "png", "x.webmanifest": "{}", "data.json": "{}", "old.bak": "x", "app.log": "x", ".env": "secret", ".well-known/security.txt": "x", "doc.pdf": "pdf", "t.vtt": "WEBVTT",
        "sub/.hidden/file": "x", "logo.svg": "<svg/>" * 20,
    },
    [
        "/", "/ | Accept-Encoding: gzip", "/ | Accept-EncodXng: gzip, deflate", "/none", "/none.html | Accept-Encoding: gzip", "/a.css", "/a.123abc.css | Accept-Encoding: gzip", "/b.js", "/b.9.js", "/i.png | Origin: http://x", "/i.png", "/i.7.png", "/x.webmanifest", "/data.json", "/old.bak", "/app.log", "/.env", "/.well-known/security.txt", "/doc.pdf", "/t.vtt", "/sub/.hidden/file", "/sub",
        "/sub/", "/logo.svg | Accept-Encoding: gzip", "HEAD /a.css | Accept-Encoding: gzip", "/.htaccess",
    ],
    ignored=["Expires", "Content-Length", "Transfer-Encoding"],
)  # fmt: skip

FRAMEWORK = RealSite(
    "framework",
    """\
<Directory "@HERE@/public">
    AllowOverride None
    Require all granted
    Options +ExecCGI
    FallbackResource /index.php
    <FilesMatch "\\.php$">
        SetHandler cgi-script
    </FilesMatch>
    <Files "~$">
        Require all denied
    </Files>
</Directory>
<Directory "@HERE@/public/bundles">
    DirectoryIndex disabled
    FallbackResource disabled
</Directory>
<Directory "@HERE@/public/spa">
    FallbackResource /spa/index.html
</Directory>
<Directory "@HERE@/public/api">
    AllowOverride All
    SetEnvIf Authorization "(.*)" HTTP_AUTHORIZATION=$1
    CGIPassAuth On
</Directory>
SetEnv APP_ENV prod
DirectoryIndex index.php index.html
LimitRequestBody 1000
<Location /api/upload>
    LimitRequestBody 10
</Location>
Header always set Strict-Transport-Security "max-age=1" "expr=%{HTTPS} == 'on'"
Header set Server-Timing "total;dur=1"
Header edit* Set-Cookie ";? *[Ss]ecure" "" 
Header edit Set-Cookie ^(.*)$ "$1; SameSite=Lax"
""".replace("Header edit* Set-Cookie \";? *[Ss]ecure\" \"\" \n", ""),
    {
        "public/index.php": PHP, "public/favicon.ico": "icon", "public/bundles/a.js": "a", "public/spa/index.html": "<app>", "public/spa/app.js": "app", "public/api/index.php": PHP, "public/api/.htaccess": "RewriteEngine On\nRewriteCond %{REQUEST_FILENAME} !-f\nRewriteRule ^(.*)$ index.php?route=$1 [QSA,L,END]\n",
        "public/cookie.php": "#!/bin/sh\nprintf 'Content-Type: text/plain\\nSet-Cookie: a=1; Path=/\\nSet-Cookie: b=2\\nCache-Control: private\\n\\nx'\n", "src/secret.php": "x",
    },
    [
        "/", "/index.php", "/blog/post-1", "/blog/post-1?page=2", "/favicon.ico", "/bundles/a.js", "/bundles/none.js", "/bundles/", "/spa", "/spa/", "/spa/users/7", "/spa/app.js", "/api/v1/users?x=1", "/api/v1/users | Authorization: Bearer t", "POST /api/upload | Content-Type: text/plain || 0123456789abcdef", "POST /api/upload | Content-Type: text/plain || 01234",
        "/../src/secret.php", "/cookie.php", "POST /blog || a=b", "HEAD /blog", "PUT /x || y", "DELETE /api/v1/users/1", "/a%20b/c%3Fd", "/index.php/info/more", "/file.php~",
    ],
    root="/public",
    ignored=["Content-Length", "Transfer-Encoding"],
)  # fmt: skip

ERRORS = RealSite(
    "errors",
    """\
Alias /error/ "@HERE@/error/"
<Directory "@HERE@">
    Require all granted
</Directory>
<Directory "@HERE@/error">
    Options IncludesNoExec
    AddOutputFilter INCLUDES html
    AddHandler type-map var
    LanguagePriority en de
    ForceLanguagePriority Prefer Fallback
</Directory>
ErrorDocument 400 /error/ALL.html.var
ErrorDocument 401 /error/ALL.html.var
ErrorDocument 403 /error/ALL.html.var
ErrorDocument 404 /error/ALL.html.var
ErrorDocument 405 "no such method here"
ErrorDocument 410 http://elsewhere.example/gone
ErrorDocument 500 /error/plain.txt
<Location /denied>
    Require all denied
</Location>
<Location /asks>
    AuthType Basic
    AuthName asks
    AuthUserFile "@HERE@/users"
    Require valid-user
</Location>
<Location /broken>
    AuthType Basic
    AuthName broken
    AuthUserFile "@HERE@/users-none"
    Require valid-user
</Location>
<Location /own>
    ErrorDocument 403 default
    Require all denied
</Location>
Redirect gone /gone
Redirect 403 /forbidden
Redirect 307 /moved /elsewhere
<Location /maintenance>
    Redirect 503 /
    ErrorDocument 503 "<h1>Soon</h1>"
    Header always set Retry-After 120
</Location>
<Location /limited>
    AllowMethods GET
</Location>
""".replace("<Location /limited>\n    AllowMethods GET\n</Location>\n", "").replace("    Redirect 503 /\n", "    Redirect 503\n"),
    {
        "users": "anna:one", "error/ALL.html.var": 'Content-language: en\nContent-type: text/html\nBody:----------en--\n<!--#set var="TITLE" value="Trouble" --><!--#include virtual="top.html" -->\n<!--#echo encoding="url" var="REDIRECT_URL" --> <!--#echo var="REDIRECT_STATUS" -->\n<!--#if expr="v(\'HTTP_REFERER\') != \'\'" -->from <!--#echo encoding="entity" var="HTTP_REFERER" --><!--#endif -->\n----------en--\n\nContent-language: de\nContent-type: text/html\nBody:----------de--\nFehler <!--#echo var="REDIRECT_STATUS" -->\n----------de--\n',
        "error/top.html": '<title><!--#echo var="REDIRECT_STATUS" -->: <!--#echo var="TITLE" --></title>', "error/plain.txt": "broken\n", "denied/a": "a", "asks/a": "a", "broken/a": "a", "own/a": "a", "index.html": "index",
    },
    [
        "/", "/none", "/none?x=<y>", "/none | Accept-Language: de", "/none | Referer: http://x.example/<b>", "/denied/a", "/asks/a", "/asks/a | Authorization: Basic YW5uYTpvbmU=", "/asks/a | Authorization: Basic YW5uYTp0d28=", "/asks/a | Authorization: Digest x", "/broken/a | Authorization: Basic YW5uYTpvbmU=", "/own/a", "/gone", "/gone/x", "/forbidden",
        "/moved/x?y", "/maintenance/x", "HEAD /none", "POST /none || x", "DELETE /index.html", "/bad%zzescape", "/error/none", "/error/ALL.html.var", "BREW /",
    ],
    ignored=["Accept-Ranges", "Content-Length", "Transfer-Encoding", "ETag", "Last-Modified"],
)  # fmt: skip

PACKAGES = RealSite(
    "packages",
    """\
Alias /phpmyadmin "@HERE@/pma"
<Directory "@HERE@/pma">
    Options SymLinksIfOwnerMatch ExecCGI
    DirectoryIndex index.php
    Require all granted
    AddHandler cgi-script .php
    <IfModule mod_php.c>
        php_admin_flag allow_url_fopen Off
    </IfModule>
</Directory>
<Directory "@HERE@/pma/libraries">
    Require all denied
</Directory>
<Directory "@HERE@/pma/setup">
    <IfModule mod_authz_core.c>
        <IfModule mod_authn_file.c>
            AuthType Basic
            AuthName "phpMyAdmin Setup"
            AuthUserFile "@HERE@/users"
        </IfModule>
        Require valid-user
    </IfModule>
</Directory>
ScriptAlias /git "@HERE@/git-http-backend"
SetEnv GIT_PROJECT_ROOT /srv/git
<Directory "@HERE@">
    Require all granted
</Directory>
<LocationMatch "^/git/.*/git-receive-pack$">
    AuthType Basic
    AuthName "Git"
    AuthUserFile "@HERE@/users"
    Require valid-user
</LocationMatch>
<If "%{REQUEST_URI} =~ m#/info/refs# && %{QUERY_STRING} =~ /service=git-receive-pack/">
    AuthType Basic
    AuthName "Git"
    AuthUserFile "@HERE@/users"
    Require valid-user
</If>
ScriptAliasMatch "^/lists/([a-z]+)(/.*)?$" "@HERE@/list.cgi"
AliasMatch "^/u/(?<user>[a-z]+)/pub(/.*)?$" "@HERE@/users.d/$1$2"
Alias /munin/static/ "@HERE@/static/"
Alias /munin "@HERE@/munin"
<Location /munin/private>
    <RequireAny>
        Require ip 192.0.2.1
        <RequireAll>
            Require method GET
            Require expr "req('X-Token') == 'letmein'"
        </RequireAll>
    </RequireAny>
</Location>
RedirectMatch ^/$ /munin/
<Location /server-status>
    SetHandler server-status
    Require host none.example
</Location>
<Directory "@HERE@/static">
    Options Indexes
    IndexOptions -FancyIndexing
    <IfModule mod_expires.c>
        ExpiresActive On
        ExpiresDefault M310
    </IfModule>
</Directory>
""",
    {
        "pma/index.php": PHP, "pma/libraries/x.php": PHP, "pma/setup/index.php": PHP, "pma/themes/a.css": "a", "users": "anna:one", "git-http-backend": PHP.replace("X[A-Z]+", "X[A-Z]+|GIT_[A-Z_]+|PATH_TRANSLATED"), "list.cgi": PHP, "users.d/anna/f.txt": "anna's", "static/a.png": "png", "static/b.txt": "b",
        "munin/index.html": "munin", "munin/private/x": "private",
    },
    [
        "/", "/phpmyadmin", "/phpmyadmin/", "/phpmyadmin/index.php?db=x", "/phpmyadmin/libraries/x.php", "/phpmyadmin/setup/", "/phpmyadmin/setup/ | Authorization: Basic YW5uYTpvbmU=", "/phpmyadmin/themes/a.css", "/phpmyadmin/none", "/git/repo.git/info/refs?service=git-upload-pack", "/git/repo.git/info/refs?service=git-receive-pack",
        "/git/repo.git/info/refs?service=git-receive-pack | Authorization: Basic YW5uYTpvbmU=", "POST /git/repo.git/git-receive-pack | Content-Type: x/y || body", "POST /git/repo.git/git-upload-pack | Content-Type: x/y || body", "/git", "/lists/dev", "/lists/dev/archive/1?x", "/lists/DEV", "/u/anna/pub/f.txt", "/u/anna/pub", "/u/bert/pub/f.txt",
        "/munin", "/munin/", "/munin/static/", "/munin/static/a.png", "/munin/static", "/munin/private/x", "/munin/private/x | X-Token: letmein", "HEAD /munin/private/x | X-Token: letmein", "POST /munin/private/x | X-Token: letmein || a", "/server-status",
    ],
    ignored=["Expires", "Cache-Control"],
)  # fmt: skip

SITES = [
    WORDPRESS, DRUPAL, MEDIAWIKI, NEXTCLOUD, CUSTOMERS, USERDIRS, MIRROR, SCRIPTS, CDN, BALANCED, LANGUAGES, LOGIN, FILTERED, SPELLING, MASSES, INTRANET,
    BOILERPLATE, FRAMEWORK, ERRORS, PACKAGES,
]  # fmt: skip
