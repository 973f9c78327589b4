//! The programs and libraries that people use with InfluxDB 1.x: as published where a
//! package registry has them, else by replaying what their source sends and asking of the
//! answer what their source asks.

mod chronograf;
mod collectd;
mod curl;
mod grafana;
mod heapster;
mod home_assistant;
mod influx_cli;
mod influxdb1_client_go;
mod influxdb_client_js;
mod influxdb_client_python;
mod influxdb_java;
mod influxdb_python;
mod iobroker;
mod k6;
mod kapacitor;
mod node_influx;
mod node_red;
mod prometheus;
mod proxmox;
mod replay;
mod telegraf;
mod vmctl;

/// A program of these tests, beside them.
fn script(name: &str) -> String {
    process_tests::beside(&format!("tests/clients/programs/{name}"))
        .to_string_lossy()
        .into_owned()
}
