import ByteKit
import CSystem
import Glibc
import ModuleABI
import ModuleABI.Draft

/// apus/draft/program.h
enum ProgramExtension {
    static let table = apus_program_v0(
        size: Extensions.size(apus_program_v0.self), reserved: 0,
        start: { _, argv, argc, user, group, input, output in
            guard let argv, argc > 0, let input, let output else { return APUS_E_INVALID }
            let words = UnsafeBufferPointer(start: argv, count: Int(argc)).map { $0.string }
            guard let rights = HelperProgram.Rights(user: user.string, group: group.string) else { return APUS_E_NOT_FOUND }
            do throws(SystemProblem) {
                (input.pointee, output.pointee) = try HelperProgram.start(words, rights)
                return APUS_OK
            } catch {
                errno = error.code
                return APUS_E_IO
            }
        })
}

/// A child of the leader that answers over pipes.
enum HelperProgram {
    /// Whose rights it gets; nil members: those of the leader.
    struct Rights {
        var user: uid_t?
        var name: String?
        var group: gid_t?

        /// Nil: there is no such user or group.
        init?(user: String, group: String) {
            if !user.isEmpty {
                guard let id = Identity.user(user) else { return nil }
                self.user = id
                name = user
                self.group = getpwuid(id)?.pointee.pw_gid
            }
            if !group.isEmpty {
                guard let id = Identity.group(group) else { return nil }
                self.group = id
            }
        }

        /// In the child. False: it may not.
        func take() -> Bool {
            if let group {
                let hasGroups = name.map { initgroups($0, group) } ?? setgroups(0, nil)
                guard setgid(group) == 0, hasGroups == 0 else { return false }
            }
            return user.map { setuid($0) == 0 } ?? true
        }
    }

    static func start(_ words: [String], _ rights: Rights) throws(SystemProblem) -> (input: Int32, output: Int32) {
        let toProgram = try Pipe()
        let fromProgram = try Pipe()
        let leader = getpid()
        let child = fork()
        guard child >= 0 else { throw SystemProblem(errno) }
        if child == 0 {
            setpgid(0, 0)
            dup2(toProgram.reading, STDIN_FILENO)
            dup2(fromProgram.writing, STDOUT_FILENO)
            guard rights.take() else { _exit(126) }
            // After the rights have changed, for that undoes it; and the leader may have gone meanwhile.
            _ = cs_die_with_parent(SIGTERM)
            guard getppid() == leader else { _exit(0) }
            cs_reset_signals()
            execute(words[0], words)
            _exit(127)
        }
        close(toProgram.reading)
        close(fromProgram.writing)
        return (toProgram.writing, fromProgram.reading)
    }
}
