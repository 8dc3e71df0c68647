//! Input values: reproducible random numbers, the edges of every type, and all bit patterns of the 8- and 16-bit ones.

use crate::element::{TestElement, Value};

/// SplitMix64: tiny, and the same on every machine, so a printed seed reproduces a failure anywhere.
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 * 0.5f64.powi(53)
    }

    /// Uniform in `low..=high`.
    pub fn int(&mut self, low: i64, high: i64) -> i64 {
        low + (self.next() % (high - low + 1) as u64) as i64
    }

    /// A random element: of any bit pattern for integers, uniform in `[-scale, scale)` for floats.
    pub fn element<T: TestElement>(&mut self, scale: f64) -> T {
        match T::FORMAT {
            Some(_) => T::round(Value::Float((2.0 * self.unit() - 1.0) * scale)),
            None => T::from_pattern(self.next()),
        }
    }

    pub fn elements<T: TestElement>(&mut self, n: usize, scale: f64) -> Vec<T> {
        (0..n).map(|_| self.element(scale)).collect()
    }

    /// Elements of uniformly random bits: floats of every magnitude, with a few NaN and infinities.
    pub fn patterns<T: TestElement>(&mut self, n: usize) -> Vec<T> {
        (0..n).map(|_| T::from_pattern(self.next())).collect()
    }

    /// Small integers in `-magnitude..=magnitude` (`0..=magnitude` for unsigned types), exact in every type.
    pub fn small_ints<T: TestElement>(&mut self, n: usize, magnitude: i64) -> Vec<T> {
        let low = if matches!(T::DTYPE, tilework::DType::U8 | tilework::DType::U32) { 0 } else { -magnitude };
        (0..n).map(|_| T::from_f64(self.int(low, magnitude) as f64)).collect()
    }
}

/// The values at which implementations go wrong: zeros, ones, the ends of the normal and subnormal ranges, infinities, NaN,
/// where `exp` overflows and underflows, ties of `round`; for integers the ends of the range and the signs.
pub fn edges<T: TestElement>() -> Vec<T> {
    let Some(format) = T::FORMAT else {
        // Bits 0.., the ends of signed and unsigned ranges, and small numbers of both signs, without repeats.
        let ends = 1u64 << (8 * size_of::<T>() as u32 - 1);
        let bits = [0, 1, 2, 3, 7, 10, 100, ends - 1, ends, ends + 1, ends.wrapping_sub(2), 0u64.wrapping_sub(1)];
        let more = [0u64.wrapping_sub(2), 0u64.wrapping_sub(7), 0u64.wrapping_sub(100)];
        let mut edges: Vec<T> = bits.into_iter().chain(more).map(T::from_pattern).collect();
        edges.sort_by_key(|x| x.bits());
        edges.dedup_by_key(|x| x.bits());
        return edges;
    };
    let largest = (format.overflow() * (1.0 - format.unit_roundoff())).min(f64::MAX);
    let smallest = f64::from(format.min_exponent - format.precision + 1).exp2();
    let epsilon = 2.0 * format.unit_roundoff();
    let magnitudes = [
        0.0,
        1.0,
        2.0,
        3.0,
        0.5,
        1.5,
        2.5,
        1.0 / 3.0,
        0.1,
        10.0,
        std::f64::consts::PI,
        std::f64::consts::FRAC_PI_2,
        16.0,
        88.0,
        89.0,
        104.0,
        709.0,
        1.0 + epsilon,
        1.0 - format.unit_roundoff(),
        epsilon,
        format.min_normal(),
        format.min_normal() * (1.0 + epsilon),
        format.min_normal() - smallest,
        smallest,
        largest,
        largest / 2.0,
        largest.sqrt(),
        1e20,
        f64::INFINITY,
    ];
    let signed = magnitudes.iter().flat_map(|&m| [m, -m]);
    signed.chain([f64::NAN]).map(|v| T::round(Value::Float(v))).collect()
}

/// All bit patterns of an 8- or 16-bit type.
pub fn all_patterns<T: TestElement>() -> Vec<T> {
    assert!(size_of::<T>() <= 2);
    (0..1u64 << (8 * size_of::<T>())).map(T::from_pattern).collect()
}

/// Every pair of `values`, as two lists of equal length.
pub fn pairs<T: TestElement>(values: &[T]) -> (Vec<T>, Vec<T>) {
    values.iter().flat_map(|&a| values.iter().map(move |&b| (a, b))).unzip()
}
