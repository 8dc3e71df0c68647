//! A random word to a standard normal number, in integer arithmetic, so that every backend gives the same bits.
//!
//! Floating-point formulas (Box-Muller, a rational inverse) differ in the last bits between compilers that fuse and that
//! don't, and between math libraries. Here the inverse of the normal distribution is a table of cubics in fixed point:
//!
//! - the top bit of the word is the sign; the other 31 bits `v` are the tail probability `(v + 1/2) / 2^32`;
//! - the position of `v`'s leading one names the row's octave, the four bits below it one of 16 intervals in the octave, and
//!   the remaining bits, shifted to the top of a word, are the place `t` in the interval;
//! - `z = c0 + t (c1 + t (c2 + t c3))`, in steps of 2^-28, each product rounded down to its high word;
//! - `z` is cut to 24 significant bits, so that the conversion to f32 is exact in every language.
//!
//! The result is within 3e-8 of the exact inverse in steps of 2^-28, and reaches from -6.34 to 6.34. `normal.h` and
//! `normal.wgsl` are the same lines in their languages, over the same table.

/// Steps of the fixed-point numbers per unit, as a power of two.
const FRACTION_BITS: u32 = 28;

/// The cubics, `c0 c1 c2 c3` for each of 32 octaves of 16 intervals; the file is included by `normal.h` too.
pub(crate) static TABLE: [i32; 2048] = parse(include_str!("../../cuda/include/tilework/normal_table.inc"));

/// The standard normal number of a uniformly distributed word.
#[inline]
pub(crate) fn normal(bits: u32) -> f32 {
    let v = bits & 0x7fff_ffff;
    // At zero the octave is 0 and the shifts below are by 32 - 0; the table's first row is a constant.
    let octave = 32 - v.leading_zeros();
    let mantissa = v.checked_shl(32 - octave).unwrap_or(0);
    let interval = (mantissa >> 27) & 15;
    let t = i64::from(mantissa << 5);
    let cubic = &TABLE[(octave * 64 + interval * 4) as usize..][..4];
    let step = |sum: i32, c: i32| c + ((i64::from(sum) * t) >> 32) as i32;
    let z = step(step(step(cubic[3], cubic[2]), cubic[1]), cubic[0]);
    let surplus = 8u32.saturating_sub(z.leading_zeros());
    let magnitude = ((z >> surplus) << surplus) as f32 * (1.0 / (1u32 << FRACTION_BITS) as f32);
    f32::from_bits(magnitude.to_bits() | bits & 0x8000_0000)
}

/// The integers of a comma-separated list.
const fn parse<const N: usize>(text: &str) -> [i32; N] {
    let text = text.as_bytes();
    let mut out = [0; N];
    let (mut i, mut n) = (0, 0);
    while n < N {
        while text[i] != b'-' && !text[i].is_ascii_digit() {
            i += 1;
        }
        let negative = text[i] == b'-';
        if negative {
            i += 1;
        }
        let mut value = 0i64;
        while i < text.len() && text[i].is_ascii_digit() {
            value = value * 10 + (text[i] - b'0') as i64;
            i += 1;
        }
        out[n] = if negative { -value } else { value } as i32;
        n += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The inverse of the upper tail, by Newton's method on the complementary error function.
    fn inverse_tail(p: f64) -> f64 {
        let mut z = (-2.0 * p.ln()).max(0.0).sqrt();
        for _ in 0..60 {
            let slope = -(-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
            z -= (libm::erfc(z / std::f64::consts::SQRT_2) / 2.0 - p) / slope;
        }
        z
    }

    fn exact(v: f64) -> f64 {
        inverse_tail((v + 0.5) / 4_294_967_296.0)
    }

    /// The coefficients of the cubic through four points, lowest power first.
    fn cubic(x: [f64; 4], y: [f64; 4]) -> [f64; 4] {
        let mut sum = [0.0; 4];
        for i in 0..4 {
            let (mut basis, mut degree) = ([y[i], 0.0, 0.0, 0.0], 0);
            for j in (0..4).filter(|&j| j != i) {
                for k in (0..=degree).rev() {
                    basis[k + 1] += basis[k] / (x[i] - x[j]);
                    basis[k] *= -x[j] / (x[i] - x[j]);
                }
                degree += 1;
            }
            for k in 0..4 {
                sum[k] += basis[k];
            }
        }
        sum
    }

    /// The table as text, four numbers a line.
    fn table() -> String {
        let mut text = String::new();
        for octave in 0u32..32 {
            for interval in 0..16 {
                // The interval's first value of v, and how many values lie in it: fewer than one means they coincide.
                let width = 2f64.powi(octave as i32 - 5);
                let start = if octave == 0 { 0.0 } else { 2f64.powi(octave as i32 - 1) + f64::from(interval) * width };
                let points = [0, 1, 2, 3].map(|i| 0.5 - 0.5 * ((2 * i + 1) as f64 * std::f64::consts::PI / 8.0).cos());
                let coefficients = match width {
                    w if w <= 1.0 => [exact(start), 0.0, 0.0, 0.0],
                    w if w <= 2.0 => [exact(start), 2.0 * (exact(start + 1.0) - exact(start)), 0.0, 0.0],
                    _ => cubic(points, points.map(|t| exact(start + t * width))),
                };
                let fixed = coefficients.map(|c| (c * f64::from(1 << FRACTION_BITS)).round() as i64);
                text += &format!("{}, {}, {}, {},\n", fixed[0], fixed[1], fixed[2], fixed[3]);
            }
        }
        text
    }

    #[test]
    fn the_table_is_the_inverse_of_the_distribution() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/cuda/include/tilework/normal_table.inc");
        if std::env::var_os("TILEWORK_BLESS").is_some() {
            std::fs::write(path, table()).expect("the table can be written");
        }
        let committed = std::fs::read_to_string(path).expect("the table is in the repository");
        assert!(committed == table(), "stale: run TILEWORK_BLESS=1 cargo test --lib normal");
    }

    #[test]
    fn values_are_within_the_stated_error() {
        let mut worst = 0f64;
        // Every value of the far tail, then a sweep that meets every interval at many places.
        for v in (0..1u32 << 12)
            .chain((0..31).flat_map(|octave| (0..997u64).map(move |i| ((1u64 << octave) + (i << octave) / 997) as u32)))
        {
            let z = f64::from(normal(v));
            // Cutting to 24 bits costs up to an ULP of z.
            let error = (z - exact(f64::from(v))).abs() - z * f64::from(f32::EPSILON);
            worst = worst.max(error);
            assert_eq!(normal(v | 0x8000_0000).to_bits(), normal(v).to_bits() | 0x8000_0000);
        }
        assert!(worst < 3e-8, "worst error {worst:e}");
    }

    #[test]
    fn moments_are_those_of_the_normal_distribution() {
        let n = 1 << 20;
        let values = (0..n).map(|i| f64::from(normal((i as u64 * ((1u64 << 32) / n as u64)) as u32)));
        let (mut mean, mut square, mut fourth) = (0.0, 0.0, 0.0);
        for z in values {
            mean += z / n as f64;
            square += z * z / n as f64;
            fourth += z.powi(4) / n as f64;
        }
        assert!(
            mean.abs() < 1e-4 && (square - 1.0).abs() < 1e-3 && (fourth - 3.0).abs() < 1e-2,
            "{mean} {square} {fourth}"
        );
    }
}
