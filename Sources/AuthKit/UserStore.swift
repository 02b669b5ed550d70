public import ByteKit
public import ModuleKit

/// Where a provider of users has them from: a file, a database, a cache.
public protocol UserStore: AnyObject {
    /// What is known of a user now, for Basic authentication. On the loop.
    func look(_ request: Request, _ user: Bytes) -> UserLook
    /// The stored hash of "user:realm:password" with so many digits, for Digest authentication, which cannot wait. On the loop.
    func realmHash(_ request: Request, _ user: Bytes, _ realm: Bytes, digits: Int) -> RealmHashLook
}

/// What a store knows of a user.
public enum UserLook {
    case found(StoredUser)
    /// It has to be fetched.
    case unknown(any UserFetch)
    /// It cannot be known, which has been logged.
    case failed
}

/// The same for Digest. What is found lives as long as the call.
public enum RealmHashLook {
    case found(Bytes)
    case unknownUser
    case failed
}

/// A user's stored password. It lives as long as the call.
public struct StoredUser {
    public let isKnown: Bool
    /// What is checked: of a user who is not there the decoy, so that it takes as long.
    public let password: Bytes
    /// What is checked when that turns out to be of no use.
    public let decoy: Bytes
    /// Tells users of one name in several places apart.
    public let source: Bytes

    public init(isKnown: Bool, password: Bytes, decoy: Bytes, source: Bytes) {
        self.isKnown = isKnown
        self.password = password
        self.decoy = decoy
        self.source = source
    }

    /// - Parameter password: nil: there is no such user.
    public init(_ password: Bytes?, decoy: Bytes, source: Bytes) {
        self.init(isKnown: password != nil, password: password ?? decoy, decoy: decoy, source: source)
    }

    /// A user who is not there, in a store where nothing tells how long it takes.
    public static var nobody: StoredUser { StoredUser(nil, decoy: .none, source: .none) }
}

/// Finds out about a user on a pool thread.
public protocol UserFetch: AnyObject {
    /// As in `StoredUser`.
    var source: [UInt8] { get }
    /// The stored password as it was when it was last known; nil: it was not.
    var last: [UInt8]? { get }
    /// Does it, once, on any thread: touches nothing but what is its own. Nil: it cannot be known.
    func run() -> (password: [UInt8]?, decoy: [UInt8])?
    /// Keeps what was found, or logs why nothing was. On the loop.
    func finish(_ request: Request)
}

extension UserFetch {
    public var last: [UInt8]? { nil }
}
