extension DirectiveCatalog {
    /// httpd 2.4's directives by module; sections begin with `<`.
    static let table = """
        core: <Directory <DirectoryMatch <Else <ElseIf <Files <FilesMatch <If <IfDefine <IfDirective <IfFile
          <IfModule <IfSection <Limit <LimitExcept <Location <LocationMatch <VirtualHost AcceptFilter
          AcceptPathInfo AccessFileName AddDefaultCharset AllowEncodedSlashes AllowOverride
          AllowOverrideList AsyncRequestWorkerFactor CGIMapExtension CGIPassAuth CGIVar ChrootDir
          ContentDigest CoreDumpDirectory DefaultRuntimeDir DefaultType Define DocumentRoot
          EnableExceptionHook EnableMMAP EnableSendfile Error ErrorDocument ErrorLog ErrorLogFormat
          ExtendedStatus FileETag FlushMaxPipelined FlushMaxThreshold ForceType GprofDir
          GracefulShutdownTimeout Group HostnameLookups HttpProtocolOptions Include IncludeOptional
          KeepAlive KeepAliveTimeout LimitInternalRecursion LimitRequestBody LimitRequestFields
          LimitRequestFieldSize LimitRequestLine LimitXMLRequestBody Listen ListenBackLog
          ListenCoresBucketsRatio ListenTCPDeferAccept LoadFile LoadModule LogLevel MaxConnectionsPerChild
          MaxKeepAliveRequests MaxMemFree MaxRangeOverlaps MaxRangeReversals MaxRanges MaxRequestWorkers
          MaxSpareServers MaxSpareThreads MergeSlashes MergeTrailers MinSpareServers MinSpareThreads Mutex
          NameVirtualHost Options PidFile Protocol Protocols ProtocolsHonorOrder QualifyRedirectURL
          ReadBufferSize ReceiveBufferSize RegexDefaultOptions RegisterHttpMethod RLimitCPU RLimitMEM
          RLimitNPROC ScoreBoardFile ScriptInterpreterSource SeeRequestTail SendBufferSize ServerAdmin
          ServerAlias ServerLimit ServerName ServerPath ServerRoot ServerSignature ServerTokens SetHandler
          SetInputFilter SetOutputFilter StartServers StartThreads StrictHostCheck Suexec ThreadLimit
          ThreadsPerChild ThreadStackSize TimeOut TraceEnable UNCList UnDefine UseCanonicalName
          UseCanonicalPhysicalPort User
        access_compat: Allow Deny Order Satisfy
        actions: Action Script
        alias: Alias AliasMatch AliasPreservePath Redirect RedirectMatch RedirectPermanent RedirectRelative
          RedirectTemp ScriptAlias ScriptAliasMatch
        allowmethods: AllowMethods
        auth_basic: AuthBasicAuthoritative AuthBasicFake AuthBasicProvider AuthBasicUseDigestAlgorithm
        auth_digest: AuthDigestAlgorithm AuthDigestDomain AuthDigestNonceLifetime AuthDigestProvider
          AuthDigestQop AuthDigestShmemSize
        auth_form: AuthFormAuthoritative AuthFormBody AuthFormDisableNoStore AuthFormFakeBasicAuth
          AuthFormLocation AuthFormLoginRequiredLocation AuthFormLoginSuccessLocation AuthFormLogoutLocation
          AuthFormMethod AuthFormMimetype AuthFormPassword AuthFormProvider AuthFormSitePassphrase
          AuthFormSize AuthFormUsername
        authn_anon: Anonymous Anonymous_LogEmail Anonymous_MustGiveEmail Anonymous_NoUserID
          Anonymous_VerifyEmail
        authn_core: <AuthnProviderAlias AuthName AuthType
        authn_dbd: AuthDBDUserPWQuery AuthDBDUserRealmQuery
        authn_dbm: AuthDBMType AuthDBMUserFile
        authn_file: AuthUserFile
        authn_socache: AuthnCacheContext AuthnCacheEnable AuthnCacheProvideFor AuthnCacheSOCache
          AuthnCacheTimeout
        authnz_fcgi: AuthnzFcgiCheckAuthnProvider AuthnzFcgiDefineProvider
        authnz_ldap: AuthLDAPAuthorizePrefix AuthLDAPBindAuthoritative AuthLDAPBindDN AuthLDAPBindPassword
          AuthLDAPCharsetConfig AuthLDAPCompareAsUser AuthLDAPCompareDNOnServer AuthLDAPDereferenceAliases
          AuthLDAPGroupAttribute AuthLDAPGroupAttributeIsDN AuthLDAPInitialBindAsUser
          AuthLDAPInitialBindPattern AuthLDAPMaxSubGroupDepth AuthLDAPRemoteUserAttribute
          AuthLDAPRemoteUserIsDN AuthLDAPSearchAsUser AuthLDAPSubGroupAttribute AuthLDAPSubGroupClass
          AuthLDAPURL
        authz_core: <AuthzProviderAlias <RequireAll <RequireAny <RequireNone AuthMerging
          AuthzSendForbiddenOnFailure Require
        authz_dbd: AuthzDBDLoginToReferer AuthzDBDQuery AuthzDBDRedirectQuery
        authz_dbm: AuthDBMGroupFile AuthzDBMType
        authz_groupfile: AuthGroupFile
        autoindex: AddAlt AddAltByEncoding AddAltByType AddDescription AddIcon AddIconByEncoding
          AddIconByType DefaultIcon HeaderName IndexHeadInsert IndexIgnore IndexIgnoreReset IndexOptions
          IndexOrderDefault IndexStyleSheet ReadmeName
        brotli: BrotliAlterETag BrotliCompressionMaxInputBlock BrotliCompressionQuality
          BrotliCompressionWindow BrotliFilterNote
        buffer: BufferSize
        cache: CacheDefaultExpire CacheDetailHeader CacheDisable CacheEnable CacheHeader
          CacheIgnoreCacheControl CacheIgnoreHeaders CacheIgnoreNoLastMod CacheIgnoreQueryString
          CacheIgnoreURLSessionIdentifiers CacheKeyBaseURL CacheLastModifiedFactor CacheLock CacheLockMaxAge
          CacheLockPath CacheMaxExpire CacheMinExpire CacheQuickHandler CacheStaleOnError CacheStoreExpired
          CacheStoreNoStore CacheStorePrivate
        cache_disk: CacheDirLength CacheDirLevels CacheMaxFileSize CacheMinFileSize CacheReadSize
          CacheReadTime CacheRoot
        cache_socache: CacheSocache CacheSocacheMaxSize CacheSocacheMaxTime CacheSocacheMinTime
          CacheSocacheReadSize CacheSocacheReadTime
        cern_meta: MetaDir MetaFiles MetaSuffix
        cgi: CGIScriptTimeout ScriptLog ScriptLogBuffer ScriptLogLength
        cgid: CGIDScriptTimeout ScriptSock
        charset_lite: CharsetDefault CharsetOptions CharsetSourceEnc
        dav: Dav DavBasePath DavDepthInfinity DavMinTimeout
        dav_fs: DavLockDB DavLockDiscovery
        dav_lock: DavGenericLockDB
        dbd: DBDExptime DBDInitSQL DBDKeep DBDMax DBDMin DBDParams DBDPersist DBDPrepareSQL DBDriver
        deflate: DeflateAlterETag DeflateBufferSize DeflateCompressionLevel DeflateFilterNote
          DeflateInflateLimitRequestBody DeflateInflateRatioBurst DeflateInflateRatioLimit DeflateMemLevel
          DeflateWindowSize
        dialup: ModemStandard
        dir: DirectoryCheckHandler DirectoryIndex DirectoryIndexRedirect DirectorySlash FallbackResource
        dumpio: DumpIOInput DumpIOOutput
        echo: ProtocolEcho
        env: PassEnv SetEnv UnsetEnv
        example_hooks: Example
        expires: ExpiresActive ExpiresByType ExpiresDefault
        ext_filter: ExtFilterDefine ExtFilterOptions
        file_cache: CacheFile MMapFile
        filter: AddOutputFilterByType FilterChain FilterDeclare FilterProtocol FilterProvider FilterTrace
        headers: Header RequestHeader
        heartbeat: HeartbeatAddress
        heartmonitor: HeartbeatListen HeartbeatMaxServers HeartbeatStorage
        http2: H2CopyFiles H2Direct H2EarlyHint H2EarlyHints H2MaxDataFrameLen H2MaxHeaderBlockLen
          H2MaxSessionStreams H2MaxStreamErrors H2MaxWorkerIdleSeconds H2MaxWorkers H2MinWorkers
          H2ModernTLSOnly H2OutputBuffering H2Padding H2ProxyRequests H2Push H2PushDiarySize H2PushPriority
          H2PushResource H2SerializeHeaders H2StreamMaxMemSize H2StreamTimeout H2TLSCoolDownSecs
          H2TLSWarmUpSize H2Upgrade H2WebSockets H2WindowSize
        ident: IdentityCheck IdentityCheckTimeout
        imagemap: ImapBase ImapDefault ImapMenu
        include: SSIEndTag SSIErrorMsg SSIETag SSILastModified SSILegacyExprParser SSIStartTag SSITimeFormat
          SSIUndefinedEcho XBitHack
        info: AddModuleInfo
        ldap: LDAPCacheEntries LDAPCacheTTL LDAPConnectionPoolTTL LDAPConnectionTimeout LDAPLibraryDebug
          LDAPOpCacheEntries LDAPOpCacheTTL LDAPReferralHopLimit LDAPReferrals LDAPRetries LDAPRetryDelay
          LDAPSharedCacheFile LDAPSharedCacheSize LDAPTimeout LDAPTrustedClientCert LDAPTrustedGlobalCert
          LDAPTrustedMode LDAPVerifyServerCert
        log_config: BufferedLogs CustomLog GlobalLog LogFormat TransferLog
        log_debug: LogMessage
        log_forensic: ForensicLog
        logio: LogIOTrackTTFB
        lua: LuaAuthzProvider LuaCodeCache LuaHookAccessChecker LuaHookAuthChecker LuaHookCheckUserID
          LuaHookFixups LuaHookInsertFilter LuaHookLog LuaHookMapToStorage LuaHookPreTranslate
          LuaHookTranslateName LuaHookTypeChecker LuaInherit LuaInputFilter LuaMapHandler LuaOutputFilter
          LuaPackageCPath LuaPackagePath LuaQuickHandler LuaRoot LuaScope
        macro: <Macro UndefMacro Use
        md: <MDomainSet MDActivationDelay MDBaseServer MDCACertificateFile MDCAChallenges
          MDCertificateAgreement MDCertificateAuthority MDCertificateCheck MDCertificateFile
          MDCertificateKeyFile MDCertificateMonitor MDCertificateProtocol MDCertificateStatus
          MDChallengeDns01 MDChallengeDns01Version MDCheckInterval MDContactEmail MDDriveMode
          MDExternalAccountBinding MDHttpProxy MDHttpProxyCACertificateFile MDInitialDelay MDMatchNames
          MDMember MDMembers MDMessageCmd MDMustStaple MDNotifyCmd MDomain MDPortMap MDPrivateKeys MDProfile
          MDProfileMandatory MDRenewMode MDRenewViaARI MDRenewWindow MDRequireHttps MDRetryDelay
          MDRetryFailover MDServerStatus MDStapleOthers MDStapling MDStaplingKeepResponse
          MDStaplingRenewWindow MDStoreDir MDStoreLocks MDWarnWindow
        mime: AddCharset AddEncoding AddHandler AddInputFilter AddLanguage AddOutputFilter AddType
          DefaultLanguage ModMimeUsePathInfo MultiviewsMatch RemoveCharset RemoveEncoding RemoveHandler
          RemoveInputFilter RemoveLanguage RemoveOutputFilter RemoveType TypesConfig
        mime_magic: MimeMagicFile
        negotiation: CacheNegotiatedDocs ForceLanguagePriority LanguagePriority
        privileges: DTracePrivileges PrivilegesMode VHostCGIMode VHostCGIPrivs VHostGroup VHostPrivs
          VHostSecure VHostUser
        proxy: <Proxy <ProxyMatch BalancerGrowth BalancerInherit BalancerMember BalancerPersist NoProxy
          Proxy100Continue ProxyAddHeaders ProxyBadHeader ProxyBlock ProxyDomain ProxyErrorOverride
          ProxyIOBufferSize ProxyMaxForwards ProxyPass ProxyPassInherit ProxyPassInterpolateEnv
          ProxyPassMatch ProxyPassReverse ProxyPassReverseCookieDomain ProxyPassReverseCookiePath
          ProxyPreserveHost ProxyReceiveBufferSize ProxyRemote ProxyRemoteMatch ProxyRequests ProxySet
          ProxySourceAddress ProxyStatus ProxyTimeout ProxyVia
        proxy_connect: AllowCONNECT
        proxy_express: ProxyExpressDBMFile ProxyExpressDBMType ProxyExpressEnable
        proxy_fcgi: ProxyFCGIBackendType ProxyFCGISetEnvIf
        proxy_ftp: ProxyFtpDirCharset ProxyFtpEscapeWildcards ProxyFtpListOnWildcard
        proxy_hcheck: ProxyHCExpr ProxyHCTemplate ProxyHCTPsize
        proxy_html: ProxyHTMLBufSize ProxyHTMLCharsetOut ProxyHTMLDocType ProxyHTMLEnable ProxyHTMLEvents
          ProxyHTMLExtended ProxyHTMLFixups ProxyHTMLInterp ProxyHTMLLinks ProxyHTMLMeta
          ProxyHTMLStripComments ProxyHTMLURLMap
        proxy_scgi: ProxySCGIInternalRedirect ProxySCGISendfile
        proxy_wstunnel: ProxyWebsocketFallbackToProxyHttp
        reflector: ReflectorHeader
        remoteip: RemoteIPHeader RemoteIPInternalProxy RemoteIPInternalProxyList RemoteIPProxiesHeader
          RemoteIPProxyProtocol RemoteIPProxyProtocolExceptions RemoteIPTrustedProxy
          RemoteIPTrustedProxyList
        reqtimeout: RequestReadTimeout
        request: KeptBodySize
        rewrite: RewriteBase RewriteCond RewriteEngine RewriteMap RewriteOptions RewriteRule
        sed: InputSed OutputSed
        session: Session SessionEnv SessionExclude SessionExpiryUpdateInterval SessionHeader SessionInclude
          SessionMaxAge
        session_cookie: SessionCookieName SessionCookieName2 SessionCookieRemove
        session_crypto: SessionCryptoCipher SessionCryptoDriver SessionCryptoPassphrase
          SessionCryptoPassphraseFile
        session_dbd: SessionDBDCookieName SessionDBDCookieName2 SessionDBDCookieRemove SessionDBDDeleteLabel
          SessionDBDInsertLabel SessionDBDPerUser SessionDBDSelectLabel SessionDBDUpdateLabel
        setenvif: BrowserMatch BrowserMatchNoCase SetEnvIf SetEnvIfExpr SetEnvIfNoCase
        socache_memcache: MemcacheConnTTL
        socache_redis: RedisConnPoolTTL RedisTimeout
        speling: CheckBasenameMatch CheckCaseOnly CheckSpelling
        ssl: SSLCACertificateFile SSLCACertificatePath SSLCADNRequestFile SSLCADNRequestPath
          SSLCARevocationCheck SSLCARevocationFile SSLCARevocationPath SSLCertificateChainFile
          SSLCertificateFile SSLCertificateKeyFile SSLCipherSuite SSLCompression SSLCryptoDevice SSLEngine
          SSLFIPS SSLHonorCipherOrder SSLInsecureRenegotiation SSLOCSPDefaultResponder SSLOCSPEnable
          SSLOCSPNoverify SSLOCSPOverrideResponder SSLOCSPProxyURL SSLOCSPResponderCertificateFile
          SSLOCSPResponderTimeout SSLOCSPResponseMaxAge SSLOCSPResponseTimeSkew SSLOCSPUseRequestNonce
          SSLOpenSSLConfCmd SSLOptions SSLPassPhraseDialog SSLProtocol SSLProxyCACertificateFile
          SSLProxyCACertificatePath SSLProxyCARevocationCheck SSLProxyCARevocationFile
          SSLProxyCARevocationPath SSLProxyCheckPeerCN SSLProxyCheckPeerExpire SSLProxyCheckPeerName
          SSLProxyCipherSuite SSLProxyEngine SSLProxyMachineCertificateChainFile
          SSLProxyMachineCertificateFile SSLProxyMachineCertificatePath SSLProxyProtocol SSLProxyVerify
          SSLProxyVerifyDepth SSLRandomSeed SSLRenegBufferSize SSLRequire SSLRequireSSL SSLSessionCache
          SSLSessionCacheTimeout SSLSessionTicketKeyFile SSLSessionTickets SSLSRPUnknownUserSeed
          SSLSRPVerifierFile SSLStaplingCache SSLStaplingErrorCacheTimeout SSLStaplingFakeTryLater
          SSLStaplingForceURL SSLStaplingResponderTimeout SSLStaplingResponseMaxAge
          SSLStaplingResponseTimeSkew SSLStaplingReturnResponderErrors SSLStaplingStandardCacheTimeout
          SSLStrictSNIVHostCheck SSLUserName SSLUseStapling SSLVerifyClient SSLVerifyDepth SSLVHostSNIPolicy
        substitute: Substitute SubstituteInheritBefore SubstituteMaxLineLength
        suexec: SuexecUserGroup
        userdir: UserDir
        usertrack: CookieDomain CookieExpires CookieHTTPOnly CookieName CookieSameSite CookieSecure
          CookieStyle CookieTracking
        version: <IfVersion
        vhost_alias: VirtualDocumentRoot VirtualDocumentRootIP VirtualScriptAlias VirtualScriptAliasIP
        watchdog: WatchdogInterval
        xml2enc: xml2EncAlias xml2EncDefault xml2StartParse

        """
}
