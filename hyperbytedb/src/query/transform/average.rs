//! Moving averages and oscillators of technical analysis.

/// Which function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Exponential,
    DoubleExponential,
    TripleExponential,
    /// Rate of change of the triple exponential average, per cent.
    TripleDerivative,
    RelativeStrength,
    KaufmansEfficiency,
    KaufmansAverage,
    ChandeMomentum,
}

/// How an exponential average starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warmup {
    /// As an exponential average of what there is.
    Exponential,
    /// As the mean of what there is.
    Simple,
    /// Without one (Chande's oscillator only): over a sliding window.
    None,
}

/// One of the functions with its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Average {
    pub kind: Kind,
    pub period: usize,
    /// How many results to hold back; `None`: as many as it needs to settle.
    pub hold: Option<usize>,
    pub warmup: Warmup,
}

impl Average {
    /// The function of that name.
    #[must_use]
    pub fn kind(name: &str) -> Option<Kind> {
        Some(match name {
            "exponential_moving_average" => Kind::Exponential,
            "double_exponential_moving_average" => Kind::DoubleExponential,
            "triple_exponential_moving_average" => Kind::TripleExponential,
            "triple_exponential_derivative" => Kind::TripleDerivative,
            "relative_strength_index" => Kind::RelativeStrength,
            "kaufmans_efficiency_ratio" => Kind::KaufmansEfficiency,
            "kaufmans_adaptive_moving_average" => Kind::KaufmansAverage,
            "chande_momentum_oscillator" => Kind::ChandeMomentum,
            _ => return None,
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self.kind {
            Kind::Exponential => "exponential moving average",
            Kind::DoubleExponential => "double exponential moving average",
            Kind::TripleExponential => "triple exponential moving average",
            Kind::TripleDerivative => "triple exponential derivative",
            Kind::RelativeStrength => "relative strength index",
            Kind::KaufmansEfficiency => "kaufmans efficiency ratio",
            Kind::KaufmansAverage => "kaufmans adaptive moving average",
            Kind::ChandeMomentum => "chande momentum oscillator",
        }
    }

    /// Results until it has settled.
    fn settling(self) -> usize {
        let once = self.period.saturating_sub(1);
        let simple = self.warmup == Warmup::Simple;
        match self.kind {
            Kind::Exponential => once,
            Kind::DoubleExponential => once * if simple { 2 } else { 1 },
            Kind::TripleExponential => once * if simple { 3 } else { 1 },
            Kind::TripleDerivative => once * if simple { 3 } else { 1 } + 1,
            Kind::RelativeStrength | Kind::KaufmansEfficiency | Kind::KaufmansAverage => {
                self.period
            }
            Kind::ChandeMomentum if self.warmup == Warmup::None => once,
            Kind::ChandeMomentum => self.period,
        }
    }

    pub(super) fn apply(self, points: impl Iterator<Item = (i64, f64)>) -> Vec<(i64, f64)> {
        let hold = self.hold.unwrap_or_else(|| self.settling());
        let finite_only = matches!(
            self.kind,
            Kind::TripleDerivative | Kind::KaufmansEfficiency | Kind::KaufmansAverage
        );
        let mut state = State::new(self);
        points
            .map(|(time, value)| (time, state.next(value)))
            .skip(hold)
            .filter(|(_, value)| !finite_only || !value.is_infinite())
            .collect()
    }
}

/// An exponential moving average.
#[derive(Debug, Clone)]
struct Exponential {
    period: usize,
    alpha: f64,
    simple: bool,
    count: usize,
    last: f64,
}

impl Exponential {
    fn new(period: usize, alpha: f64, warmup: Warmup) -> Exponential {
        Exponential {
            period,
            alpha,
            simple: warmup == Warmup::Simple,
            count: 0,
            last: 0.0,
        }
    }

    fn settled(&self) -> bool {
        self.count == self.period
    }

    /// Whether what comes out may go into a further average.
    fn flows(&self) -> bool {
        self.settled() || !self.simple
    }

    fn next(&mut self, value: f64) -> f64 {
        let count = self.count as f64;
        self.last = if self.count == 0 {
            value
        } else if self.settled() {
            (value - self.last) * self.alpha + self.last
        } else if self.simple {
            (self.last * count + value) / (count + 1.0)
        } else {
            // A smaller window while there are few values, so that the first one
            // does not weigh too much.
            (value - self.last) * (2.0 / (count + 2.0)) + self.last
        };
        if self.count < self.period {
            self.count += 1;
        }
        self.last
    }
}

/// The efficiency of a movement: its distance by the way it took.
#[derive(Debug, Clone)]
struct Efficiency {
    /// Price and change of the last values, in a ring.
    points: Vec<(f64, f64)>,
    noise: f64,
    count: usize,
    newest: usize,
}

impl Efficiency {
    fn next(&mut self, value: f64) -> f64 {
        let oldest = (self.newest + 1) % self.points.len();
        let signal = (value - self.points[oldest].0).abs();
        let change = (value - self.points[self.newest].0).abs();
        self.noise -= self.points[oldest].1;
        self.noise += change;
        self.newest = oldest;
        self.points[oldest] = (value, change);
        if self.count <= self.points.len() {
            self.count += 1;
        }
        if signal == 0.0 || self.noise == 0.0 {
            0.0
        } else {
            signal / self.noise
        }
    }

    fn settled(&self) -> bool {
        self.count == self.points.len() + 1
    }
}

/// Ups and downs over a sliding window.
#[derive(Debug, Clone)]
struct Momentum {
    points: Vec<(f64, f64)>,
    up: f64,
    down: f64,
    started: bool,
    newest: usize,
}

impl Momentum {
    fn next(&mut self, value: f64) -> f64 {
        let oldest = if self.newest + 1 >= self.points.len() {
            0
        } else {
            self.newest + 1
        };
        let mut change = 0.0;
        if self.started {
            change = value - self.points.get(self.newest).map_or(0.0, |p| p.0);
            if change > 0.0 {
                self.up += change;
            } else if change < 0.0 {
                self.down -= change;
            }
        }
        let out = if self.up != 0.0 || self.down != 0.0 {
            100.0 * ((self.up - self.down) / (self.up + self.down))
        } else {
            0.0
        };
        if let Some(slot) = self.points.get_mut(oldest) {
            if slot.1 > 0.0 {
                self.up -= slot.1;
            } else if slot.1 < 0.0 {
                self.down += slot.1;
            }
            *slot = (value, change);
        }
        self.newest = oldest;
        self.started = true;
        out
    }
}

enum State {
    Chain(Kind, Vec<Exponential>, f64),
    /// Averages of the ups and of the downs, and the value before.
    UpDown(Kind, Exponential, Exponential, f64),
    Efficiency(Efficiency),
    Adaptive(Efficiency, f64),
    Momentum(Momentum),
}

impl State {
    fn new(average: Average) -> State {
        let period = average.period;
        let chain = |count: usize| {
            let alpha = 2.0 / (period as f64 + 1.0);
            let one = Exponential::new(period, alpha, average.warmup);
            State::Chain(average.kind, vec![one; count], 0.0)
        };
        let efficiency = Efficiency {
            points: vec![(0.0, 0.0); period.max(1)],
            noise: 0.0,
            count: 0,
            newest: 0,
        };
        match average.kind {
            Kind::Exponential => chain(1),
            Kind::DoubleExponential => chain(2),
            Kind::TripleExponential | Kind::TripleDerivative => chain(3),
            Kind::KaufmansEfficiency => State::Efficiency(efficiency),
            Kind::KaufmansAverage => State::Adaptive(efficiency, 0.0),
            Kind::ChandeMomentum if average.warmup == Warmup::None => State::Momentum(Momentum {
                points: vec![(0.0, 0.0); period.saturating_sub(1)],
                up: 0.0,
                down: 0.0,
                started: false,
                newest: 0,
            }),
            Kind::RelativeStrength | Kind::ChandeMomentum => {
                let one = Exponential::new(period + 1, 1.0 / period as f64, average.warmup);
                State::UpDown(average.kind, one.clone(), one, 0.0)
            }
        }
    }

    fn next(&mut self, value: f64) -> f64 {
        match self {
            State::Chain(kind, chain, last) => chained(*kind, chain, last, value),
            State::UpDown(kind, ups, downs, last) => {
                ups.next((value - *last).max(0.0));
                downs.next((*last - value).max(0.0));
                *last = value;
                let (up, down) = (ups.last, downs.last);
                match kind {
                    Kind::RelativeStrength => 100.0 - (100.0 / (1.0 + up / down)),
                    _ => 100.0 * ((up - down) / (up + down)),
                }
            }
            State::Efficiency(efficiency) => efficiency.next(value),
            State::Adaptive(efficiency, last) => {
                if !efficiency.settled() {
                    *last = efficiency.points[efficiency.newest].0;
                }
                let ratio = efficiency.next(value);
                let (fast, slow) = (2.0 / 3.0, 2.0 / 31.0);
                let smoothing = (ratio * (fast - slow) + slow).powi(2);
                *last += smoothing * (value - *last);
                *last
            }
            State::Momentum(momentum) => momentum.next(value),
        }
    }
}

fn chained(kind: Kind, chain: &mut [Exponential], last: &mut f64, value: f64) -> f64 {
    let mut out = [0.0; 3];
    let mut current = value;
    let mut flows = true;
    for (place, average) in chain.iter_mut().enumerate() {
        if flows {
            current = average.next(current);
        }
        // An average that has not settled lets nothing through, and what follows
        // repeats it.
        flows = average.flows();
        out[place] = current;
    }
    match kind {
        Kind::DoubleExponential => 2.0 * out[0] - out[1],
        Kind::TripleExponential => 3.0 * out[0] - 3.0 * out[1] + out[2],
        Kind::TripleDerivative => {
            let rate = (current / *last - 1.0) * 100.0;
            *last = current;
            rate
        }
        _ => out[0],
    }
}
