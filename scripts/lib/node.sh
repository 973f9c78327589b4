# Sourced by scripts that need a running node. Gives them
#   WORK                a temporary directory, removed at the end
#   BINARY              the release binary
#   free_port           prints a port that nothing listens on
#   await_http URL PID  waits until the URL answers, or fails
#   stop_at_end PID     stops this process when the script ends, however it ends
#   start_node DIR      starts a node with its files in DIR: NODE_URL, NODE_PID

TARGET=${CARGO_TARGET_DIR:-target}
BINARY=${HYPERBYTEDB_BIN:-$TARGET/release/hyperbytedb}
if [ ! -x "$BINARY" ]; then
    echo "no binary $BINARY: build it first (make build)" >&2
    exit 1
fi
BINARY=$(realpath "$BINARY")

WORK=$(mktemp -d "${TMPDIR:-/tmp}/hyperbytedb.XXXXXX")
PIDS=()

stop_all() {
    local pid
    for pid in ${PIDS[@]+"${PIDS[@]}"}; do
        kill "$pid" 2>/dev/null || true
    done
    for pid in ${PIDS[@]+"${PIDS[@]}"}; do
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$WORK"
}
trap stop_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

stop_at_end() { PIDS+=("$1"); }

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# The deadline is 60 seconds.
await_http() {
    local url=$1 pid=$2 turn
    for turn in $(seq 600); do
        curl -fs -o /dev/null --max-time 2 "$url" && return
        if ! kill -0 "$pid" 2>/dev/null; then
            echo "process $pid ended before $url answered" >&2
            return 1
        fi
        sleep 0.1
    done
    echo "$url does not answer" >&2
    return 1
}

start_node() {
    local dir=$1
    mkdir -p "$dir"
    cat >"$dir/node.toml" <<TOML
[server]
bind_address = "127.0.0.1"
port = 0
[storage]
data_dir = "$dir/data"
wal_dir = "$dir/wal"
meta_dir = "$dir/meta"
${NODE_TOML:-}
TOML
    "$BINARY" serve --config "$dir/node.toml" >"$dir/node.log" 2>&1 &
    NODE_PID=$!
    stop_at_end "$NODE_PID"
    local turn
    NODE_URL=
    for turn in $(seq 600); do
        NODE_URL=$(grep -om1 'listening on http://[0-9.:]*' "$dir/node.log" | grep -o 'http://.*' || true)
        [ -n "$NODE_URL" ] && break
        kill -0 "$NODE_PID" 2>/dev/null || break
        sleep 0.1
    done
    if [ -z "$NODE_URL" ]; then
        cat "$dir/node.log" >&2
        return 1
    fi
    await_http "$NODE_URL/health" "$NODE_PID"
}
