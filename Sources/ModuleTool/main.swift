import Glibc

signal(SIGPIPE, SIG_IGN)
exit(Tool.run(CommandLine.arguments))
