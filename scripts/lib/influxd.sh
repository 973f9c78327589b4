# Sourced after node.sh.
#   start_influxd DIR    starts an InfluxDB with its files in DIR: INFLUXD_URL, INFLUXD_PID

start_influxd() {
    local dir=$1 http rpc
    http=$(free_port)
    rpc=$(free_port)
    mkdir -p "$dir"
    cat >"$dir/influxd.conf" <<CONF
reporting-disabled = true
bind-address = "127.0.0.1:$rpc"
[meta]
  dir = "$dir/meta"
[data]
  dir = "$dir/data"
  wal-dir = "$dir/wal"
  query-log-enabled = false
  # Into files soon after the last write, as the other side does.
  cache-snapshot-write-cold-duration = "10s"
[monitor]
  store-enabled = false
[subscriber]
  enabled = false
[http]
  bind-address = "127.0.0.1:$http"
  log-enabled = false
[ifql]
  enabled = false
[logging]
  level = "warn"
CONF
    influxd run -config "$dir/influxd.conf" >"$dir/influxd.log" 2>&1 &
    INFLUXD_PID=$!
    stop_at_end "$INFLUXD_PID"
    INFLUXD_URL=http://127.0.0.1:$http
    await_http "$INFLUXD_URL/ping" "$INFLUXD_PID"
}
