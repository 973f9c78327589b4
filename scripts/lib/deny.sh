# Where what scripts/setup fetches and builds is kept, and cargo-deny in it. Sourced.

CACHE=${HYPERBYTEDB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hyperbytedb}
DENY_VERSION=0.20.2
DENY_DIR=$CACHE/cargo-deny/$DENY_VERSION
DENY=$DENY_DIR/bin/cargo-deny

deny_installed() { [ -x "$DENY" ]; }
