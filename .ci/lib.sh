# Shared by the scripts that run the program against real services. Sourced, not run.
# A script sources this file, calls `pass`/`fail`, and ends with `finish`.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
XUEDUN=${XUEDUN_BIN:-${CARGO_TARGET_DIR:-$ROOT/target}/release/xuedun}
CORPORA=${XUEDUN_CORPORA:-$ROOT/../shared/corpora}
WORK=$(mktemp -d)
PASSED=0
FAILED=0
NODE=
TOKEN=ci-token-0123456789abcdef

pass() { PASSED=$((PASSED + 1)); echo "PASS $1"; }
fail() { FAILED=$((FAILED + 1)); echo "FAIL $1${2:+: $2}"; }

# equal NAME EXPECTED FOUND
equal() { if [ "$2" = "$3" ]; then pass "$1 ($3)"; else fail "$1" "expected $2, found $3"; fi; }

# within SECONDS COMMAND...: asks again until the command succeeds; 1 when the time is up.
within() {
    local until=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$until" ] || return 1
        sleep 0.2
    done
}

finish() {
    echo "$PASSED passed, $FAILED failed"
    [ "$FAILED" -eq 0 ]
}

# A free TCP port that no other script of the run uses: from the script's own range.
port() { echo $((PORT_BASE + $1)); }

# certificate NAME ALTERNATIVE: an authority of our own in $WORK/ca.pem, and of it the node's certificate
# and key in $WORK/node.pem and $WORK/node.key, so that senders check the server's name.
certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
        -subj "/CN=ci authority" -keyout "$WORK/ca.key" -out "$WORK/ca.pem" 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" \
        -keyout "$WORK/node.key" -out "$WORK/node.csr" 2>/dev/null
    printf 'subjectAltName=%s\nbasicConstraints=CA:FALSE\n' "$2" >"$WORK/ext"
    openssl x509 -req -in "$WORK/node.csr" -CA "$WORK/ca.pem" -CAkey "$WORK/ca.key" \
        -CAcreateserial -days 2 -extfile "$WORK/ext" -out "$WORK/node.pem" 2>/dev/null
}

# node_init: a fresh node in $WORK/node, without the sensors that `init` proposes.
node_init() {
    "$XUEDUN" --lang en init --dir "$WORK/node" >"$WORK/init.out" 2>&1
    CONFIG=$WORK/node/xuedun.toml
    # A table of sensors ends where another top-level table begins.
    awk '/^[ \t]*\[/ { skip = ($0 ~ /^[ \t]*\[\[?sensor[].]/) } !skip' "$CONFIG" >"$CONFIG.new"
    mv "$CONFIG.new" "$CONFIG"
    export XUEDUN_CONSOLE__LISTEN="127.0.0.1:$(port 0)"
}

# node_sensor NAME INPUT [PACK]: INPUT is an inline table of TOML.
node_sensor() {
    {
        echo
        echo '[[sensor]]'
        echo "name = \"$1\""
        [ -z "${3:-}" ] || echo "pack = \"$3\""
        echo "input = { $2 }"
    } >>"$CONFIG"
}

node_start() {
    : >"$WORK/serve.out"
    "$XUEDUN" --lang en serve --config "$CONFIG" >>"$WORK/serve.out" 2>>"$WORK/serve.err" &
    NODE=$!
    up() { grep -qx ready "$WORK/serve.out" || ! kill -0 "$NODE" 2>/dev/null; }
    if ! within 60 up || ! grep -qx ready "$WORK/serve.out"; then
        echo "the node did not become ready:"
        tail -n 20 "$WORK/serve.out" "$WORK/serve.err"
        exit 1
    fi
}

# node_stop [SIGNAL]
node_stop() {
    [ -n "$NODE" ] || return 0
    kill "-${1:-TERM}" "$NODE" 2>/dev/null || true
    wait "$NODE" 2>/dev/null || true
    NODE=
}

# search QUERY: the records of the node as JSON lines, of all times (a capture may be dated anywhere).
search() { search_most 10000 "$1"; }

# search_all QUERY: the same without a limit.
search_all() { search_most 0 "$1"; }

search_most() {
    "$XUEDUN" search --config "$CONFIG" --from 1900-01-01T00:00:00Z --to 2200-01-01T00:00:00Z --limit "$1" --json "$2" \
        2>>"$WORK/search.err"
}

# has_records SENSOR COUNT: whether the sensor has at least so many records.
has_records() { [ "$(records_of "$1")" -ge "$2" ]; }

records_of() { search '' | jq -r .sensor | grep -cFx "$1" || true; }

# before_cleanup: what a script undoes itself; it redefines this, and not the trap, which keeps the
# exit code.
before_cleanup() { :; }

cleanup() {
    local rc=$?
    before_cleanup || true
    node_stop KILL
    # shellcheck disable=SC2046
    kill $(jobs -p) 2>/dev/null || true
    wait 2>/dev/null || true
    if [ "$rc" -ne 0 ] && [ -s "$WORK/serve.err" ]; then
        echo "--- the node's log (last lines)"
        tail -n 20 "$WORK/serve.err"
    fi
    if [ "$rc" -ne 0 ] && [ -s "$WORK/search.err" ]; then
        echo "--- what the last searches said"
        tail -n 5 "$WORK/search.err"
    fi
    rm -rf "$WORK"
    exit "$rc"
}
trap cleanup EXIT
