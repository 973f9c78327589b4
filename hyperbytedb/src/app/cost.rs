//! What the layers cost: the same requests through all of them and to the routes alone,
//! in turns: over HTTP, as a client sees it, and called in the process, where neither
//! sockets nor a client blur the figure.
//!
//! `cargo test --release -p hyperbytedb app::cost -- --ignored --nocapture`
//!
//! With `COST_ONLY=KIND,routes|layers,COUNT` it calls so many requests of one kind and times
//! nothing: under `valgrind --tool=callgrind`, two counts give the instructions of one request.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use tower::ServiceExt;

use super::*;
use crate::auth::Identity;
use crate::http::AnswerBody;

/// The node's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const T0: i64 = 1_704_067_200_000_000_000;
/// Lines of a large batch, as collectors send them.
const BATCH: i64 = 5_000;

/// Makes the nth request of a kind.
type Make = Box<dyn Fn(i64) -> Request<Bytes>>;

/// Sends one request and gives how long the whole answer took.
async fn time<S, In, Out>(service: &S, request: Request<In>) -> Duration
where
    S: Service<Request<In>, Response = Response<Out>, Error = Infallible> + Clone,
    Out: Body<Data = Bytes, Error: Into<BoxError>>,
{
    let started = Instant::now();
    let Ok(response) = service.clone().oneshot(request).await;
    let status = response.status();
    let body = response.into_body().collect().await.map_err(Into::into);
    let took = started.elapsed();
    let body = body.unwrap().to_bytes();
    assert!(status.is_success(), "{status}: {body:?}");
    took
}

/// The routes alone take whom they are for from the request, as the layers leave it there.
fn get(path: &str) -> Request<Bytes> {
    let request = Request::get(path).extension(Identity::Server);
    request.body(Bytes::new()).unwrap()
}

fn post(path: &str, body: String) -> Request<Bytes> {
    let request = Request::post(path).extension(Identity::Server);
    request.body(Bytes::from(body)).unwrap()
}

fn lines(first: i64, count: i64) -> String {
    let line = |n: i64| {
        let time = T0 + (first + n) * 1_000_000_000;
        format!(
            "cpu,host=h{} usage={}i,idle={}i {time}\n",
            n % 10,
            n % 97,
            n % 89
        )
    };
    (0..count).map(line).collect()
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e6
}

/// A server of its own for a service, at a port of its own; gives its address.
async fn serve(service: HttpService) -> SocketAddr {
    let tcp = listen(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = tcp.local_addr().unwrap();
    let settings = Config::default().server.settings(1_024);
    let server = Server::new(Listeners { tcp, unix: None }, &settings).unwrap();
    tokio::spawn(server.run(service, std::future::pending()));
    address
}

/// The routes with nothing above them but what takes a body in.
async fn routes_alone(
    routes: Routes,
    request: Request<Incoming>,
) -> Result<Response<AnswerBody>, Infallible> {
    let (mut head, body) = request.into_parts();
    head.extensions.insert(Identity::Server);
    let body = body.collect().await.unwrap().to_bytes();
    routes.oneshot(Request::from_parts(head, body)).await
}

/// A connection that is kept.
struct Client {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Client {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        let answer = Vec::new();
        Self { stream, answer }
    }

    fn time(&mut self, request: &Request<Bytes>) -> Duration {
        let (method, uri, body) = (request.method(), request.uri(), request.body());
        let length = body.len();
        let mut bytes =
            format!("{method} {uri} HTTP/1.1\r\nhost: h\r\ncontent-length: {length}\r\n\r\n")
                .into_bytes();
        bytes.extend_from_slice(body);
        let started = Instant::now();
        self.stream.write_all(&bytes).unwrap();
        self.answer.clear();
        while !self.is_whole() {
            let mut piece = [0; 16 << 10];
            let read = self.stream.read(&mut piece).unwrap();
            assert!(read > 0, "{}", String::from_utf8_lossy(&self.answer));
            self.answer.extend_from_slice(&piece[..read]);
        }
        let took = started.elapsed();
        assert!(self.answer.starts_with(b"HTTP/1.1 20"));
        took
    }

    /// Every answer here is empty or ends as JSON or its chunks do.
    fn is_whole(&self) -> bool {
        let empty = self.answer.starts_with(b"HTTP/1.1 204") && self.answer.ends_with(b"\r\n\r\n");
        empty || self.answer.ends_with(b"}\n") || self.answer.ends_with(b"0\r\n\r\n")
    }
}

fn print(name: &str, bare: Vec<Duration>, layered: Vec<Duration>) {
    let (bare, layered) = (median(bare), median(layered));
    println!(
        "{name:<42} {bare:>10.1} {layered:>10.1} {:>7.3}",
        layered / bare
    );
}

/// The requests that are measured, and how many pairs of each.
fn kinds() -> [(&'static str, usize, Make); 5] {
    let query = |select: &str, tags: &str, hours: i64| {
        let end = T0 + hours * 3_600_000_000_000;
        format!("/query?db=d&q=SELECT+{select}+FROM+cpu+WHERE+time%3E={T0}+AND+time%3C{end}+{tags}")
    };
    let hour = query("max(usage)", "AND+host='h1'+GROUP+BY+time(1m)", 1);
    let day = query("mean(usage),mean(idle)", "GROUP+BY+time(10m),host", 24);
    [
        ("ping", 20_000, Box::new(|_| get("/ping"))),
        (
            "query of one series and an hour",
            10_000,
            Box::new(move |_| get(&hour)),
        ),
        (
            "query of ten series and a day",
            1_000,
            Box::new(move |_| get(&day)),
        ),
        (
            "write of one line",
            3_000,
            Box::new(|n| post("/write?db=d", lines(n, 1))),
        ),
        (
            "write of 5,000 lines",
            300,
            Box::new(|n| post("/write?db=d", lines(n, BATCH))),
        ),
    ]
}

/// A configuration whose directories are below this one.
fn config(directory: &std::path::Path) -> Config {
    let mut config = Config::default();
    for (key, name) in [
        (&mut config.storage.data_dir, "data"),
        (&mut config.storage.meta_dir, "meta"),
        (&mut config.storage.wal_dir, "wal"),
    ] {
        *key = directory.join(name).to_string_lossy().into_owned();
    }
    config
}

/// Asserts nothing of the ratio: a timing on a loaded machine proves nothing.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures, for a quiet machine"]
async fn the_layers_against_the_bare_services() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path());
    observability::tracing::init(&config.tracing()).unwrap();
    // As a node does. A timer that is always near is part of it: otherwise each timeout of a
    // write would be the next one and wake a thread.
    tokio::spawn(crate::memory::give_back());
    let services = Services::open(&config).unwrap();
    let routes = services.routes(&config).unwrap();
    let gate = services.gate(&config);
    let whole = stack(&config, InFlight::default(), gate.clone(), routes.clone());
    let created = post("/query?q=CREATE+DATABASE+d", String::new());
    time(&routes, created).await;
    time(&routes, post("/write?db=d", lines(0, 100_000))).await;
    services.shared.engine.flush().unwrap();

    if let Ok(only) = std::env::var("COST_ONLY") {
        let mut only = only.split(',');
        let kind = only.next().unwrap();
        let layered = only.next() == Some("layers");
        let count: i64 = only.next().unwrap().parse().unwrap();
        let kinds = kinds();
        let (_, _, request) = kinds.iter().find(|(name, ..)| *name == kind).unwrap();
        for n in 0..count {
            match layered {
                true => time(&whole, request(n).map(Full::new)).await,
                false => time(&routes, request(n)).await,
            };
        }
        return;
    }
    let own = routes.clone();
    let bare = tower::service_fn(move |request| routes_alone(own.clone(), request));
    let served = stack(&config, InFlight::default(), gate, routes.clone());
    let addresses = [
        serve(HttpService::new(bare)).await,
        serve(HttpService::new(served)).await,
    ];
    println!(
        "{:<42} {:>10} {:>10} {:>7}",
        "median, us", "routes", "layers", "ratio"
    );
    for (name, pairs, request) in kinds() {
        let [bare, layered] = tokio::task::block_in_place(|| over_http(addresses, pairs, &request));
        print(&format!("HTTP, {name}"), bare, layered);

        let (mut bare, mut layered) = (Vec::new(), Vec::new());
        for n in 0..pairs as i64 {
            for turn in [n % 2, (n + 1) % 2] {
                match turn {
                    0 => bare.push(time(&routes, request(n)).await),
                    _ => layered.push(time(&whole, request(n).map(Full::new)).await),
                }
            }
        }
        print(&format!("called, {name}"), bare, layered);
    }
}

/// Asks two servers in turns; each is the first of every other pair.
fn over_http(addresses: [SocketAddr; 2], pairs: usize, request: &Make) -> [Vec<Duration>; 2] {
    let mut clients = addresses.map(Client::connect);
    let mut times = [Vec::new(), Vec::new()];
    for n in 0..2 * pairs as i64 {
        let which = ((n + n / 2) % 2) as usize;
        times[which].push(clients[which].time(&request(n / 2)));
    }
    times
}
