#!/usr/bin/env bash
# A real Chromium at the console of a running demonstration: one-time login, live updates, every
# page in both languages, themes, a narrow screen, roles, WCAG by axe-core. Screenshots go to
# target/ci/.
PORT_BASE=24400
. "$(dirname "$0")/lib.sh"
OUT=${CARGO_TARGET_DIR:-$ROOT/target}/ci
mkdir -p "$OUT"

"$XUEDUN" --lang en demo --speed 20 --minutes 2 >"$WORK/demo.out" 2>"$WORK/serve.err" &
NODE=$!
link() { grep -o 'http://[^ ]*/login/once?token=[^ ]*' "$WORK/demo.out" | head -n 1; }
within 180 link >/dev/null || { fail "the demonstration prints a login link"; tail -n 20 "$WORK/demo.out"; exit 1; }
pass "the demonstration prints a login link"

# playwright-core drives the installed Chromium; it brings no browser of its own.
(cd "$WORK" && npm install --silent --no-audit --no-fund playwright-core@1 axe-core@4 >npm.out 2>&1) ||
    { cat "$WORK/npm.out"; exit 1; }
cp "$ROOT/.ci/chromium.mjs" "$WORK/chromium.mjs"
if (cd "$WORK" && node chromium.mjs "$OUT" "$WORK/demo.out"); then
    pass "every page in Chromium"
else
    fail "every page in Chromium"
fi
node_stop INT
finish
