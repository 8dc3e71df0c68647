//! Conversions between element types, held to Rust's `as` and to a search for the nearest half.

use half::{bf16, f16};
use proptest::prelude::*;
use tilework_host_twins::*;

/// The half nearest to `exact`, ties to even, found among the neighbours of a first guess. Distances are exact: `from` gives a
/// difference in units in which all of them are integers, or `None` beyond the largest number.
fn nearest(guess: u16, distance: impl Fn(u16) -> Option<f64>) -> u16 {
    let candidates =
        [guess.saturating_sub(1), guess, guess + 1].into_iter().filter_map(|bits| Some((bits, distance(bits)?)));
    let best = candidates.min_by(|(a, x), (b, y)| x.total_cmp(y).then((a & 1).cmp(&(b & 1))));
    best.map_or(guess, |(bits, _)| bits)
}

/// The magnitude of a double as a half, with the spacing of halves around it taken from the half type itself.
fn half_of(x: f64, guess: fn(f64) -> u16, value: fn(u16) -> f64, infinity: u16, limit: f64) -> u16 {
    let magnitude = x.abs();
    let bits = if magnitude >= limit {
        infinity
    } else {
        let guess = guess(magnitude) & 0x7FFF;
        // The subtraction is exact: both are close, or the smaller is below half a unit of the larger's spacing.
        nearest(guess.min(infinity - 1), |bits| (bits < infinity).then(|| (value(bits) - magnitude).abs()))
    };
    bits | if x.is_sign_negative() { 0x8000 } else { 0 }
}

fn f16_of(x: f64) -> u16 {
    // 65520 is half-way between the largest number, 65504, and what would be the next.
    half_of(x, |x| f16::from_f64(x).to_bits(), |bits| f16::from_bits(bits).to_f64(), 0x7C00, 65520.0)
}

fn bf16_of(x: f64) -> u16 {
    let limit = (2.0 - 2f64.powi(-8)) * 2f64.powi(127);
    half_of(x, |x| bf16::from_f64(x).to_bits(), |bits| bf16::from_bits(bits).to_f64(), 0x7F80, limit)
}

fn check_f64(x: f64) {
    // SAFETY: arithmetic on values alone.
    let (a, b) = unsafe { (twin_cast_f64_f16(x), twin_cast_f64_bf16(x)) };
    assert_eq!((a, b), (f16_of(x), bf16_of(x)), "{x:e}");
}

/// A double one unit beside a tie goes to the nearer half, though its float is the tie.
#[test]
fn doubles_are_rounded_once() {
    for bits in 0..0x7C00u16 {
        let (low, high) = (f16::from_bits(bits).to_f64(), f16::from_bits(bits + 1).to_f64());
        if high.is_finite() {
            let middle = (low + high) / 2.0;
            [low, middle.next_down(), middle, middle.next_up(), -middle.next_up()].into_iter().for_each(check_f64);
        }
    }
    for bits in 0..0x7F7Fu16 {
        let middle = (bf16::from_bits(bits).to_f64() + bf16::from_bits(bits + 1).to_f64()) / 2.0;
        [middle.next_down(), middle, -middle, middle.next_up()].into_iter().for_each(check_f64);
    }
    for x in [0.0, -0.0, f64::INFINITY, f64::MAX, f64::MIN_POSITIVE, 65519.999999, 65520.0, 3.4e38] {
        check_f64(x);
    }
}

#[test]
fn not_a_number_stays_so() {
    // SAFETY: arithmetic on values alone.
    unsafe {
        assert!(f16::from_bits(twin_cast_f64_f16(f64::NAN)).is_nan());
        assert!(bf16::from_bits(twin_cast_f64_bf16(-f64::NAN)).is_nan());
    }
}

fn check_integers(x: f64) {
    let y = x as f32;
    // SAFETY: arithmetic on values alone.
    unsafe {
        assert_eq!(twin_cast_f32_i32(y), y as i32, "{y:e}");
        assert_eq!(twin_cast_f32_i64(y), y as i64, "{y:e}");
        assert_eq!(twin_cast_f32_u8(y), y as u8, "{y:e}");
        assert_eq!(twin_cast_f32_u32(y), y as u32, "{y:e}");
        assert_eq!(twin_cast_f64_i32(x), x as i32, "{x:e}");
        assert_eq!(twin_cast_f64_i64(x), x as i64, "{x:e}");
    }
}

#[test]
fn floats_saturate_as_in_rust() {
    for x in [0.0, 0.5, 0.999, 1.0, 254.9, 255.0, 255.9, 256.0, f64::INFINITY, f64::NAN, 1e300] {
        check_integers(x);
        check_integers(-x);
    }
    for bit in 0..70 {
        let x = 2f64.powi(bit);
        for x in [x, x.next_up(), x.next_down(), x - 1.0, x + 1.0, x - 0.5] {
            check_integers(x);
            check_integers(-x);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn integers_are_rounded_once(bits in 0u32..63, noise: i64, near in -2i64..=2, tie: bool) {
        // A number just beside a tie of 8 or 11 bits, or any number.
        let top = 1i64 << bits;
        let x = if tie { (top | top >> 8 | top >> 9 | top >> 11).saturating_add(near) } else { top | (noise & (top - 1)) };
        // SAFETY: arithmetic on values alone.
        let (a, b) = unsafe { (twin_cast_i64_f16(x), twin_cast_i64_bf16(x)) };
        // A double holds 53 bits; what lies below them only decides ties, as an odd last bit does.
        let kept = if x.unsigned_abs() >> 53 == 0 { x } else { (x & !0xFFF) | i64::from(x & 0xFFF != 0) << 12 };
        prop_assert_eq!((a, b), (f16_of(kept as f64), bf16_of(kept as f64)), "{}", x);
    }

    #[test]
    fn doubles_at_random(x in any::<f64>().prop_filter("a number", |x| !x.is_nan())) {
        check_f64(x);
        check_integers(x);
    }
}
