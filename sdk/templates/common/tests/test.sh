# Asks a server with the module for this and that; `apus module run` says in APUS_URL where it is.
set -eu
failed=0

# expect PATH ANSWER
expect() {
    answer=$(curl -sS "$APUS_URL$1")
    if [ "$answer" = "$2" ]; then echo "ok   $1"; else echo "FAIL $1: \"$answer\" instead of \"$2\""; failed=1; fi
}

expect /@NAME@ "Hello from @NAME@"
expect /@NAME@/loud "HELLO from @NAME@"
[ "$(curl -sS -o /dev/null -w '%{http_code}' "$APUS_URL/elsewhere")" = 404 ] || { echo "FAIL /elsewhere"; failed=1; }
exit $failed
