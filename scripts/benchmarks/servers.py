"""The servers that are compared: each in a directory and on a port of its own."""

import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time
import urllib.parse

START_DEADLINE_S = 120
# A node writes what it has in memory.
STOP_DEADLINE_S = 600
REST_DEADLINE_S = 600
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class Server:
    """A process that listens on 127.0.0.1. `start` may be called again after `stop`."""

    name = ""
    health = "/health"

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.process = None
        self.url = ""

    def command(self):
        raise NotImplementedError

    def start(self):
        """Returns the seconds until it said that it is healthy."""
        began = time.perf_counter()
        with open(self.directory / "log", "ab") as log:
            self.log_began = log.tell()
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log)
        deadline = began + START_DEADLINE_S
        while not self._is_healthy():
            if self.process.poll() is not None or time.perf_counter() > deadline:
                self.stop()
                raise SystemExit(f"{self.name} did not start:\n{self.log()[-2000:]}")
            time.sleep(0.005)
        return time.perf_counter() - began

    def _is_healthy(self):
        self.find_url()
        if not self.url:
            return False
        try:
            return Client(self, timeout=2).get(self.health)[0] < 300
        except (OSError, http.client.HTTPException):
            return False

    def find_url(self):
        """Sets `url` where the process chooses its own port."""

    def log(self):
        """What it wrote since its last start."""
        with open(self.directory / "log", "rb") as log:
            log.seek(self.log_began)
            return log.read().decode(errors="replace")

    def stop(self):
        self._end(signal.SIGTERM)

    def kill(self):
        self._end(signal.SIGKILL)

    def _end(self, how):
        if self.process is None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def resident(self):
        """Bytes of memory that it holds, as the kernel counts them."""
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) * 1024

    def cpu_seconds(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii")
        fields = text.rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND

    def files(self, pattern="*"):
        """Sizes of the files below its directory by path; those that go meanwhile are left out."""
        sizes = {}
        for path in self.directory.rglob(pattern):
            try:
                if path.is_file():
                    sizes[path] = path.stat().st_size
            except FileNotFoundError:
                continue
        return sizes

    def written_bytes(self):
        """Of all its files, without what is only reserved: neither holes that InfluxDB leaves
        in files nor blocks that RocksDB asks for ahead of its writes."""
        sizes = self.files().items()
        return sum(min(size, path.stat().st_blocks * 512) for path, size in sizes if path.name != "log")

    def await_idle(self):
        """Waits until it uses next to no CPU for a second: a neighbour may be measured."""
        deadline = time.monotonic() + 60
        still, last = 0, self.cpu_seconds()
        while still < 4 and time.monotonic() < deadline:
            time.sleep(0.25)
            now = self.cpu_seconds()
            still = still + 1 if now - last <= 0.02 else 0
            last = now

    def await_rest(self, seconds=15):
        """Waits until no data file has changed for so long: all is flushed, and what
        follows a flush is done."""
        deadline = time.monotonic() + REST_DEADLINE_S
        since, last = time.monotonic(), None
        while time.monotonic() - since < seconds:
            now = {path: size for path, size in self.files().items() if path.name != "log"}
            if now != last:
                since, last = time.monotonic(), now
            if time.monotonic() > deadline:
                raise SystemExit(f"{self.name} does not come to rest")
            time.sleep(0.5)


class Node(Server):
    name = "hyperbytedb"

    def __init__(self, directory, settings=""):
        super().__init__(directory)
        at = self.directory
        (at / "node.toml").write_text(
            f'[server]\nbind_address = "127.0.0.1"\nport = 0\nquery_timeout_secs = 600\n'
            f'[storage]\ndata_dir = "{at}/data"\nwal_dir = "{at}/wal"\nmeta_dir = "{at}/meta"\n'
            + settings,
            encoding="utf-8",
        )

    def command(self):
        return [os.environ["BENCH_BINARY"], "serve", "--config", str(self.directory / "node.toml")]

    def find_url(self):
        found = re.search(r"listening on (http://[0-9.:]+)", self.log())
        self.url = found[1] if found else ""

    def data_bytes(self):
        return sum(self.files("*.parquet").values())


class Influxd(Server):
    name = "InfluxDB"
    health = "/ping"

    def __init__(self, directory, data_settings=""):
        super().__init__(directory)
        at, self.url = self.directory, f"http://{free_address()}"
        (at / "influxd.conf").write_text(
            f"""reporting-disabled = true
bind-address = "{free_address()}"
[meta]
  dir = "{at}/meta"
[data]
  dir = "{at}/data"
  wal-dir = "{at}/wal"
  query-log-enabled = false
  max-series-per-database = 0
  max-values-per-tag = 0
  # Into files soon after the last write, as the node does.
  cache-snapshot-write-cold-duration = "10s"
{data_settings}
[coordinator]
  # A write of new series may take longer than the default of 10 s.
  write-timeout = "120s"
[monitor]
  store-enabled = false
[subscriber]
  enabled = false
[http]
  bind-address = "{self.url.removeprefix('http://')}"
  log-enabled = false
[ifql]
  enabled = false
[logging]
  level = "warn"
""",
            encoding="utf-8",
        )

    def command(self):
        return ["influxd", "run", "-config", str(self.directory / "influxd.conf")]

    def data_bytes(self):
        return sum(self.files("*.tsm").values())


class VictoriaMetrics(Server):
    name = "VictoriaMetrics"

    def __init__(self, directory):
        super().__init__(directory)
        self.url = f"http://{free_address()}"

    def command(self):
        return [
            "victoria-metrics",
            f"-httpListenAddr={self.url.removeprefix('http://')}",
            f"-storageDataPath={self.directory}/data",
            "-retentionPeriod=100y",
            "-loggerLevel=WARN",
        ]

    def data_bytes(self):
        """Points, and the index of series."""
        return self.written_bytes()


class Client:
    """One connection that is kept."""

    def __init__(self, server, timeout=600):
        address = urllib.parse.urlsplit(server.url).netloc
        self.name = server.name
        self.connection = http.client.HTTPConnection(address, timeout=timeout)

    def get(self, path):
        self.connection.request("GET", path)
        response = self.connection.getresponse()
        return response.status, response.read()

    def timed(self, statement, database="bench"):
        """Seconds that a statement took, and its answer as bytes."""
        arguments = urllib.parse.urlencode({"db": database, "q": statement, "epoch": "ns"})
        began = time.perf_counter()
        self.connection.request("POST", f"/query?{arguments}")
        response = self.connection.getresponse()
        text = response.read()
        took = time.perf_counter() - began
        if response.status >= 300:
            raise SystemExit(f"{self.name}: {statement}: {response.status} {text[:200]!r}")
        return took, text

    def count(self, field, measurement, database):
        """How many values there are: what was acknowledged must be found."""
        series = self.query(f"SELECT count({field}) FROM {measurement}", database)
        return series[0]["values"][0][1] if series else 0

    def query(self, statement, database="bench"):
        """The first statement's series."""
        result = json.loads(self.timed(statement, database)[1])["results"][0]
        if "error" in result:
            raise SystemExit(f"{self.name}: {statement}: {result['error']}")
        return result.get("series", [])


def versions():
    """Of what is measured, as the programs say it: the binary may be of another commit than the tree."""
    return [
        output_of([os.environ["BENCH_BINARY"], "version"]),
        " ".join(output_of(["influxd", "version"]).split()[:2]),
        # Debian's build does not know its own.
        "VictoriaMetrics " + output_of(["dpkg-query", "-W", "-f", "${Version}", "victoria-metrics"]),
    ]


def output_of(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0] if lines else "unknown"


def free_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % probe.getsockname()[1]


def load(server, path, file, connections, lines, *flags):
    """Sends a file by the load client; what the client printed, and what the server used."""
    before = server.cpu_seconds()
    command = [os.environ["BENCH_CLIENT"], server.url + path, str(file), str(connections), str(lines)]
    done = subprocess.run([*command, *flags], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{server.name}: {done.stderr.strip()}")
    report = json.loads(done.stdout)
    report["server_cpu_seconds"] = server.cpu_seconds() - before
    report["per_second"] = report["lines"] / report["seconds"]
    return report
