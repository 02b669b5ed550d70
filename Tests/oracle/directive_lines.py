"""One line of each directive of httpd that may stand inside a section or a .htaccess file, with values that make sense."""

#: Not here: sections, and what is executed while the text is read.
LINES = r"""
AcceptPathInfo On
Action text/x /cgi/x
AddAlt "text" .x
AddAltByEncoding "text" gzip
AddAltByType "text" text/x
AddCharset utf-8 .x
AddDefaultCharset utf-8
AddDescription "text" .x
AddEncoding gzip .x
AddHandler some-handler .x
AddIcon /x.png .x
AddIconByEncoding /x.png gzip
AddIconByType /x.png text/x
AddInputFilter DEFLATE .x
AddLanguage en .x
AddOutputFilter DEFLATE .x
AddOutputFilterByType DEFLATE text/x
AddType text/x .x
Alias /there /here
AliasPreservePath On
Allow from all
AllowMethods GET POST
AllowOverride None
AllowOverrideList None
Anonymous anonymous
Anonymous_LogEmail On
Anonymous_MustGiveEmail On
Anonymous_NoUserID On
Anonymous_VerifyEmail On
AuthBasicAuthoritative On
AuthBasicFake off
AuthBasicProvider file
AuthBasicUseDigestAlgorithm MD5
AuthDBMGroupFile /x
AuthDBMType SDBM
AuthDBMUserFile /x
AuthDigestAlgorithm MD5
AuthDigestDomain /x
AuthDigestNonceLifetime 300
AuthDigestProvider file
AuthDigestQop auth
AuthFormAuthoritative On
AuthFormBody x
AuthFormDisableNoStore On
AuthFormFakeBasicAuth On
AuthFormLocation x
AuthFormLoginRequiredLocation /x
AuthFormLoginSuccessLocation /x
AuthFormLogoutLocation /x
AuthFormMethod x
AuthFormMimetype x
AuthFormPassword x
AuthFormProvider file
AuthFormSitePassphrase x
AuthFormSize 1000
AuthFormUsername x
AuthGroupFile /x
AuthMerging And
AuthName x
AuthnCacheContext server
AuthnCacheProvideFor file
AuthnCacheTimeout 60
AuthType Basic
AuthUserFile /x
AuthzDBMType SDBM
AuthzSendForbiddenOnFailure On
BrowserMatch x y
BrowserMatchNoCase x y
BufferSize 1000
CGIPassAuth On
CGIVar REQUEST_URI original-uri
CheckBasenameMatch On
CheckCaseOnly On
CheckSpelling On
ContentDigest On
CookieDomain .example.com
CookieExpires 60
CookieHTTPOnly On
CookieName x
CookieSameSite Lax
CookieSecure On
CookieStyle Cookie
CookieTracking On
DefaultIcon /x.png
DefaultLanguage en
DefaultType none
DeflateInflateLimitRequestBody 1000
DeflateInflateRatioBurst 3
DeflateInflateRatioLimit 200
Deny from none.example
DirectoryCheckHandler On
DirectoryIndex x.html
DirectoryIndexRedirect on
DirectorySlash On
EnableMMAP On
EnableSendfile On
ErrorDocument 404 text
ExpiresActive On
ExpiresByType text/x A60
ExpiresDefault A60
ExtFilterOptions LogStderr
FallbackResource /x
FileETag MTime
FilterChain DEFLATE
FilterDeclare x
ForceLanguagePriority Prefer
ForceType text/x
Header set X y
HeaderName x.html
HostnameLookups Off
IndexHeadInsert <meta>
IndexIgnore x
IndexIgnoreReset On
IndexOptions FancyIndexing
IndexOrderDefault Ascending Name
IndexStyleSheet /x.css
InputSed s/a/b/
KeptBodySize 1000
LanguagePriority en
LimitRequestBody 1000
LimitXMLRequestBody 1000
LogIOTrackTTFB On
LogLevel warn
LogMessage x
MaxRangeOverlaps 10
MaxRangeReversals 10
MaxRanges 10
ModMimeUsePathInfo On
MultiviewsMatch Any
Options FollowSymLinks
Options +Indexes
Order allow,deny
OutputSed s/a/b/
PassEnv HOME
QualifyRedirectURL On
ReadBufferSize 8192
ReadmeName x.html
Redirect /there /here
RedirectMatch ^/there /here
RedirectPermanent /there /here
RedirectRelative On
RedirectTemp /there /here
ReflectorHeader X
RemoveCharset .x
RemoveEncoding .x
RemoveHandler .x
RemoveInputFilter .x
RemoveLanguage .x
RemoveOutputFilter .x
RemoveType .x
RequestHeader set X y
Require all granted
RewriteBase /
RewriteCond %{REQUEST_URI} x
RewriteEngine Off
RewriteOptions Inherit
RewriteRule ^there$ -
RLimitCPU 100
RLimitMEM 100000000
RLimitNPROC 100
Satisfy All
Script GET /cgi/x
ScriptAlias /there /here
ServerSignature Off
Session Off
SessionCookieName x
SessionCookieName2 x
SessionCookieRemove On
SessionCryptoCipher aes256
SessionCryptoPassphrase secret
SessionCryptoPassphraseFile /etc/hostname
SessionEnv On
SessionExclude /x
SessionExpiryUpdateInterval 60
SessionHeader X
SessionInclude /x
SessionMaxAge 60
SetEnv X y
SetEnvIf Host x y
SetEnvIfExpr true y
SetEnvIfNoCase Host x y
SetHandler some-handler
SetInputFilter DEFLATE
SetOutputFilter DEFLATE
SSIErrorMsg x
SSIETag On
SSILastModified On
SSILegacyExprParser On
SSITimeFormat %Y
SSIUndefinedEcho x
Substitute s/a/b/
SubstituteInheritBefore On
SubstituteMaxLineLength 1m
UnsetEnv X
UseCanonicalName Off
UseCanonicalPhysicalPort Off
XBitHack on
""".strip().split("\n")
