//! What the layers cost: the same requests through all of them and to the routes alone,
//! in turns, in one process, so that neither sockets nor a client blur the figure.
//!
//! `cargo test --release -p hyperbytedb app::cost -- --ignored --nocapture`

use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use tower::ServiceExt;

use super::*;
use crate::auth::Identity;

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

/// Asserts nothing of the ratio: a timing on a loaded machine proves nothing.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures, for a quiet machine"]
async fn the_layers_against_the_bare_services() {
    let directory = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    for (key, name) in [
        (&mut config.storage.data_dir, "data"),
        (&mut config.storage.meta_dir, "meta"),
        (&mut config.storage.wal_dir, "wal"),
    ] {
        *key = directory.path().join(name).to_string_lossy().into_owned();
    }
    observability::tracing::init(&config.tracing()).unwrap();
    let services = Services::open(&config).unwrap();
    let routes = services.routes(&config).unwrap();
    let whole = stack(
        &config,
        InFlight::default(),
        services.gate(&config),
        routes.clone(),
    );
    let created = post("/query?q=CREATE+DATABASE+d", String::new());
    time(&routes, created).await;
    time(&routes, post("/write?db=d", lines(0, 100_000))).await;
    services.shared.engine.flush().unwrap();

    let query = format!(
        "/query?db=d&q=SELECT+max(usage)+FROM+cpu+WHERE+host='h1'+AND+time%3E={T0}+AND+time%3C{}+GROUP+BY+time(1m)",
        T0 + 3_600_000_000_000
    );
    let kinds: [(&str, usize, Make); 4] = [
        ("ping", 20_000, Box::new(|_| get("/ping"))),
        (
            "query of one series and one hour",
            10_000,
            Box::new(move |_| get(&query)),
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
    ];
    println!(
        "{:<34} {:>10} {:>10} {:>7}",
        "median, us", "routes", "layers", "ratio"
    );
    for (name, pairs, request) in kinds {
        let (mut bare, mut layered) = (Vec::new(), Vec::new());
        for n in 0..pairs as i64 {
            for turn in [n % 2, (n + 1) % 2] {
                match turn {
                    0 => bare.push(time(&routes, request(n)).await),
                    _ => layered.push(time(&whole, request(n).map(Full::new)).await),
                }
            }
        }
        let (bare, layered) = (median(bare), median(layered));
        println!(
            "{name:<34} {bare:>10.1} {layered:>10.1} {:>7.3}",
            layered / bare
        );
    }
}
