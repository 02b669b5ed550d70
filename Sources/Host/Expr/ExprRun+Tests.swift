import ByteKit
import Glibc
import ModuleABI

extension ExprRun {
    /// `-x WORD`
    mutating func holds(_ test: ExprTest, _ word: Bytes) -> Bool {
        guard failure == nil else { return false }
        switch test {
        case .isEmpty: return word.isEmpty
        case .isNotEmpty: return !word.isEmpty
        case .isTrue: return isTrue(word)
        case .isDirectory: return status(of: word).map { $0.st_mode & S_IFMT == S_IFDIR } ?? false
        case .exists: return status(of: word) != nil
        case .isFile: return status(of: word).map { $0.st_mode & S_IFMT == S_IFREG } ?? false
        case .isNotEmptyFile: return status(of: word).map { $0.st_mode & S_IFMT == S_IFREG && $0.st_size > 0 } ?? false
        case .isLink: return status(of: word, followsLink: false).map { $0.st_mode & S_IFMT == S_IFLNK } ?? false
        case .isExecutable: return status(of: word).map { $0.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH) != 0 } ?? false
        case .urlIsAccessible: return asks({ Lookup.path($0, word) }) { $0.pointee.status == 200 }
        case .fileIsAccessible:
            return asks({ Lookup.file(named: word, for: $0) }) { $0.pointee.status == 200 && $0.pointee.file.kind != .none }
        }
    }

    private func isTrue(_ word: Bytes) -> Bool {
        !word.isEmpty && word != "0" && !word.equalsIgnoringCase("off") && !word.equalsIgnoringCase("false")
            && !word.equalsIgnoringCase("no")
    }

    private func status(of path: Bytes, followsLink: Bool = true) -> stat? {
        guard !path.isEmpty, !path.contains(0), let name = r.pointee.arena.copy(path).ptr else { return nil }
        var info = stat()
        return (followsLink ? stat(name, &info) : lstat(name, &info)) == 0 ? info : nil
    }

    /// A sub-request runs hooks, which only the loop may do.
    private mutating func asks(_ lookup: (Request.Ref) -> Request.Ref?, _ holds: (Request.Ref) -> Bool) -> Bool {
        guard Worker.isLoopThread else {
            fail("-F and -U cannot be asked by a hook that runs on a thread for blocking work")
            return false
        }
        // One in an <If> would be asked again by the request it asks about, for ever.
        var outer = r.pointee.main
        while let request = outer {
            if request.pointee.asking == expression { return false }
            outer = request.pointee.main
        }
        let before = r.pointee.asking
        r.pointee.asking = expression
        defer { r.pointee.asking = before }
        guard let sub = lookup(r) else { return false }
        defer { Lookup.destroy(sub) }
        return holds(sub)
    }
}
