//! What the tests of the statistics share: the original's runs, and noise of known kinds.

use rand_core::{Rng, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64;

/// Single-thread times of the original's five runs, in ms.
pub(super) const SINGLE: [f64; 5] = [639.96, 568.30, 554.18, 638.69, 556.24];
/// Multi-thread times of the same runs, in ms.
pub(super) const MULTI: [f64; 5] = [896.70, 588.72, 610.07, 592.50, 593.79];

/// A source of noise that is not the bootstrap's.
pub(super) struct Noise(Pcg64);

/// How the logarithm of a time strays.
#[derive(Clone, Copy, Debug)]
pub(super) enum Spread {
    /// Log-normal with this standard deviation: 0.02 is 2 %.
    Normal(f64),
    /// Student's t with 3 degrees of freedom, in units of 2 %: heavy on both sides.
    HeavyTails,
    /// Log-normal of 2 %, and one run in ten is slower, by anything up to 65 %: a busy host.
    OneInTenSlow,
}

impl Noise {
    pub(super) fn new(seed: u64) -> Self {
        Self(Pcg64::seed_from_u64(seed))
    }

    pub(super) fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.0)
    }

    /// Between 0 and 1.
    pub(super) fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn log(&mut self, spread: Spread) -> f64 {
        match spread {
            Spread::Normal(deviation) => deviation * self.normal(),
            Spread::HeavyTails => {
                let normal = self.normal();
                let squares: f64 = (0..3).map(|_| self.normal().powi(2)).sum();
                0.02 * normal / (squares / 3.0).sqrt()
            }
            Spread::OneInTenSlow => {
                let slow = if self.uniform() < 0.1 { 0.5 * self.uniform() } else { 0.0 };
                0.02 * self.normal() + slow
            }
        }
    }

    /// Two series of `runs` times around 100, of which `shared` (0 to 1) of the variance is common
    /// to both values of a run.
    pub(super) fn runs(&mut self, runs: usize, spread: Spread, shared: f64) -> [Vec<f64>; 2] {
        let mut series = [Vec::with_capacity(runs), Vec::with_capacity(runs)];
        for _ in 0..runs {
            let common = shared.sqrt() * self.log(spread);
            for series in &mut series {
                let own = (1.0 - shared).sqrt() * self.log(spread);
                series.push(100.0 * (common + own).exp());
            }
        }
        series
    }
}
