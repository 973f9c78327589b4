//! The damped Holt-Winters forecast, fitted by a simplex search.

use crate::query::error::QueryError;

/// Iterations of one search at most.
const ITERATIONS_MAX: usize = 1000;
/// A search ends when the errors at its corners differ by less.
const EPSILON: f64 = 1.0e-4;
/// Where the searches start: each of the four parameters takes each of these.
const STARTS: [f64; 2] = [0.3, 0.7];
/// Most values between the first and the last one, gaps included.
const VALUES_MAX: i64 = 1 << 20;

/// Known values, one for each step, and NaN where there is none.
struct Model {
    known: Vec<f64>,
    season: usize,
}

fn round_to(time: i64, every: i64) -> i64 {
    let whole = time / every;
    if time % every > every / 2 {
        (whole + 1) * every
    } else {
        whole * every
    }
}

/// Forecasts `horizon` values after the last point; with `fit` the fitted values of
/// the known times come first.
///
/// # Errors
/// Those of `check`, which is asked before each pass over the values: there may be tens of
/// thousands.
pub(super) fn forecast(
    points: &[(i64, f64)],
    horizon: usize,
    season: usize,
    fit: bool,
    every: i64,
    check: &dyn Fn() -> Result<(), QueryError>,
) -> Result<Vec<(i64, f64)>, QueryError> {
    let seasonal = season >= 2;
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return Ok(Vec::new());
    };
    if points.len() < 2 || (seasonal && points.len() < season) || horizon == 0 || every <= 0 {
        return Ok(Vec::new());
    }
    let steps = round_to(last.0, every).saturating_sub(round_to(first.0, every)) / every;
    if steps <= 0 || steps > VALUES_MAX {
        return Ok(Vec::new());
    }
    let model = Model {
        known: spread_out(points, every),
        season: if seasonal { season } else { 0 },
    };
    let parameters = model.fitted(check)?;
    let values = model.run(horizon, &mut parameters.clone());
    let (skip, base) = if fit {
        (0, first.0)
    } else {
        (model.known.len(), last.0 + every)
    };
    let values = values
        .into_iter()
        .skip(skip)
        .enumerate()
        .filter(|(_, value)| !value.is_nan())
        .map(|(step, value)| {
            let step = i64::try_from(step).unwrap_or(i64::MAX);
            (base.saturating_add(every.saturating_mul(step)), value)
        });
    Ok(values.collect())
}

/// One value for each step; of several in one step the first counts.
fn spread_out(points: &[(i64, f64)], every: i64) -> Vec<f64> {
    let mut known = vec![points[0].1];
    let mut at = round_to(points[0].0, every);
    for (time, value) in &points[1..] {
        let rounded = round_to(*time, every);
        if rounded <= at {
            continue;
        }
        at += every;
        while rounded != at {
            known.push(f64::NAN);
            at += every;
        }
        known.push(*value);
    }
    known
}

impl Model {
    /// First guesses of level, trend and seasons after four places for the
    /// smoothing factors.
    fn guesses(&self) -> Vec<f64> {
        let known = &self.known;
        let m = self.season;
        let weight = 0.5;
        let (mut level, mut trend) = (0.0, 0.0);
        if m > 0 {
            for value in known.iter().take(m).filter(|v| !v.is_nan()) {
                level += (1.0 / m as f64) * value;
            }
            for (a, b) in known.iter().zip(known.iter().skip(m)).take(m) {
                if !a.is_nan() && !b.is_nan() {
                    trend += 1.0 / (m * m) as f64 * (b - a);
                }
            }
        } else {
            level += weight * known[0];
            if let Some(second) = known.get(1).filter(|v| !v.is_nan()) {
                trend = weight * (second - known[0]);
            }
        }
        let mut parameters = vec![0.0, 0.0, 0.0, 0.0, level, trend];
        parameters.extend(
            known
                .iter()
                .take(m)
                .map(|value| if value.is_nan() { 0.0 } else { value / level }),
        );
        parameters
    }

    /// The parameters with the least error.
    fn fitted(&self, check: &dyn Fn() -> Result<(), QueryError>) -> Result<Vec<f64>, QueryError> {
        let mut start = self.guesses();
        let mut best: Option<(f64, Vec<f64>)> = None;
        let mut stopped = Ok(());
        // A search that is to stop has nothing more to compute, and soon comes to its end.
        let mut error = |parameters: &mut [f64]| {
            if stopped.is_ok() {
                stopped = check();
            }
            match stopped {
                Ok(()) => self.error(parameters),
                Err(_) => f64::INFINITY,
            }
        };
        for alpha in STARTS {
            for beta in STARTS {
                for gamma in STARTS {
                    for phi in STARTS {
                        start[..4].copy_from_slice(&[alpha, beta, gamma, phi]);
                        let (error, found) = minimise(&mut error, &start);
                        if best.as_ref().is_none_or(|(least, _)| error < *least) {
                            best = Some((error, found));
                        }
                    }
                }
            }
        }
        stopped?;
        Ok(best.map_or(start, |(_, found)| found))
    }

    /// The values of the known steps and of `horizon` more. The smoothing factors
    /// are brought into 0 to 1, the seasons move on.
    fn run(&self, horizon: usize, parameters: &mut [f64]) -> Vec<f64> {
        for factor in &mut parameters[..4] {
            *factor = factor.clamp(0.0, 1.0);
        }
        let (settings, seasons) = parameters.split_at_mut(6);
        let (alpha, beta, gamma, phi) = (settings[0], settings[1], settings[2], settings[3]);
        let (mut level, mut trend) = (settings[4], settings[5]);
        let mut value = self.known[0];
        let mut damping = phi;
        let m = seasons.len();
        let steps = self.known.len() + horizon;
        let mut out = Vec::with_capacity(steps);
        out.push(value);
        let mut place = m.saturating_sub(1);
        for step in 1..steps {
            let (mut season, mut season_ahead) = (1.0, 1.0);
            if m > 0 {
                season = seasons[(step + place - m) % m];
                season_ahead = seasons[(step + step % m + place - m) % m];
            }
            let base = level + phi * trend;
            let next_level = alpha * (value / season) + (1.0 - alpha) * base;
            let next_trend = beta * (next_level - level) + (1.0 - beta) * phi * trend;
            let next_season = gamma * (value / base) + (1.0 - gamma) * season;
            value = (next_level + damping * next_trend) * season_ahead;
            (level, trend) = (next_level, next_trend);
            damping += phi.powf(step as f64);
            if m > 0 {
                seasons[(step + place) % m] = next_season;
                place += 1;
            }
            out.push(value);
        }
        out
    }

    /// Sum of the squared distances from the known values.
    fn error(&self, parameters: &mut [f64]) -> f64 {
        let mut sum = 0.0;
        for (value, known) in self.run(0, parameters).iter().zip(&self.known) {
            if known.is_nan() {
                continue;
            }
            if value.is_nan() {
                return f64::INFINITY;
            }
            sum += (value - known).powi(2);
        }
        sum
    }
}

/// The Nelder-Mead search for the least value of a function, which may correct the
/// point it is asked for.
fn minimise(f: &mut dyn FnMut(&mut [f64]) -> f64, start: &[f64]) -> (f64, Vec<f64>) {
    let n = start.len();
    let size = n as f64;
    let root = (size + 1.0).sqrt();
    let far = (root - 1.0 + size) / (size * 2.0_f64.sqrt());
    let near = (root - 1.0) / (size * 2.0_f64.sqrt());
    let mut corners: Vec<Vec<f64>> = vec![start.to_vec()];
    for corner in 0..n {
        let moved = start
            .iter()
            .enumerate()
            .map(|(axis, v)| v + if axis == corner { far } else { near });
        corners.push(moved.collect());
    }
    let mut values: Vec<f64> = corners.iter_mut().map(|corner| f(corner)).collect();
    for _ in 0..ITERATIONS_MAX {
        improve(f, &mut corners, &mut values);
        let mean = values.iter().sum::<f64>() / (size + 1.0);
        let spread: f64 = values.iter().map(|v| (v - mean).powi(2) / size).sum();
        if spread.sqrt() < EPSILON {
            break;
        }
    }
    let least = place_of(&values, |a, b| a < b);
    // The last look moves the seasons on, so the point is kept as it was before.
    let point = corners[least].clone();
    (f(&mut corners[least]), point)
}

/// The first place whose value wins over all before it.
fn place_of(values: &[f64], wins: impl Fn(f64, f64) -> bool) -> usize {
    let mut best = 0;
    for (place, value) in values.iter().enumerate() {
        if wins(*value, values[best]) {
            best = place;
        }
    }
    best
}

/// One step: the worst corner moves through the middle of the others, further if
/// that is good, halfway if it is not, and if nothing helps all corners close in.
fn improve(f: &mut dyn FnMut(&mut [f64]) -> f64, corners: &mut [Vec<f64>], values: &mut [f64]) {
    let worst = place_of(values, |a, b| a > b);
    let least = place_of(values, |a, b| a < b);
    let mut second = least;
    for (place, value) in values.iter().enumerate() {
        if *value > values[second] && *value < values[worst] {
            second = place;
        }
    }
    let n = corners[0].len();
    let middle: Vec<f64> = (0..n)
        .map(|axis| {
            let others = corners
                .iter()
                .enumerate()
                .filter(|(place, _)| *place != worst);
            others.map(|(_, corner)| corner[axis]).sum::<f64>() / n as f64
        })
        .collect();
    let towards = |from: &[f64], factor: f64| -> Vec<f64> {
        middle
            .iter()
            .zip(from)
            .map(|(m, v)| m + factor * (v - m))
            .collect()
    };
    let mut reflected: Vec<f64> = middle
        .iter()
        .zip(&corners[worst])
        .map(|(m, v)| m + (m - v))
        .collect();
    let at_reflected = f(&mut reflected);
    if at_reflected < values[second] && at_reflected >= values[least] {
        corners[worst].clone_from(&reflected);
        values[worst] = at_reflected;
    }
    if at_reflected < values[least] {
        let mut expanded = towards(&reflected, 2.0);
        let at_expanded = f(&mut expanded);
        if at_expanded < at_reflected {
            corners[worst] = expanded;
            values[worst] = at_expanded;
        } else {
            corners[worst].clone_from(&reflected);
            values[worst] = at_reflected;
        }
    }
    if at_reflected >= values[second] {
        let mut contracted = if at_reflected < values[worst] {
            towards(&reflected, 0.5)
        } else {
            towards(&corners[worst], 0.5)
        };
        let at_contracted = f(&mut contracted);
        if at_contracted < values[worst] {
            corners[worst] = contracted;
            values[worst] = at_contracted;
        } else {
            let centre = corners[least].clone();
            for (place, corner) in corners.iter_mut().enumerate() {
                if place != least {
                    for (v, c) in corner.iter_mut().zip(&centre) {
                        *v = c + (*v - c) / 2.0;
                    }
                }
            }
            values[worst] = f(&mut corners[worst]);
            values[second] = f(&mut corners[second]);
        }
    }
}
