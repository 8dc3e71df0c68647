//! The pieces that f32 products on the tensor cores are made of, and the choice of a scheme.

use half::{bf16, f16};
use tilework_host_twins::{
    twin_split_bf16, twin_split_chunk, twin_split_descriptor, twin_split_f16, twin_split_scheme, twin_split_shift,
    twin_unscaled,
};

const F16: i32 = 0;
const BF16: i32 = 1;
const NONE: i32 = 2;

fn shift(scheme: i32, greatest: f32) -> i32 {
    // SAFETY: arithmetic on values alone.
    unsafe { twin_split_shift(scheme, greatest.abs().to_bits()) }
}

/// The sum of the pieces of `x`, shifted back; f64 holds all of it.
fn joined(scheme: i32, x: f32, shift: i32) -> f64 {
    let sum: f64 = if scheme == F16 {
        let mut pieces = [0; 2];
        // SAFETY: the pointer is to a live array of the length that twins.h declares.
        unsafe { twin_split_f16(x, shift, pieces.as_mut_ptr()) };
        pieces.into_iter().map(|bits| f16::from_bits(bits).to_f64()).sum()
    } else {
        let mut pieces = [0; 3];
        // SAFETY: as above.
        unsafe { twin_split_bf16(x, shift, pieces.as_mut_ptr()) };
        pieces.into_iter().map(|bits| bf16::from_bits(bits).to_f64()).sum()
    };
    sum * 2f64.powi(-shift)
}

/// Significands of all lengths and some at random, in every binade of f32.
fn floats() -> impl Iterator<Item = f32> {
    let mut bits = 1u32;
    let random = std::iter::repeat_with(move || {
        bits = bits.wrapping_mul(747796405).wrapping_add(2891336453);
        bits >> 9
    });
    let significands: Vec<u32> =
        (0..23).flat_map(|i| [1 << i, (1 << i) - 1, 0x7fffff - (1 << i)]).chain(random.take(50)).collect();
    (0..255u32).flat_map(move |exponent| {
        significands.clone().into_iter().map(move |significand| f32::from_bits(exponent << 23 | significand))
    })
}

#[test]
fn the_greatest_of_a_row_comes_to_its_place() {
    for x in floats().filter(|&x| x != 0.0) {
        for (scheme, top) in [(F16, 14), (BF16, 50)] {
            let scaled = f64::from(x) * 2f64.powi(shift(scheme, x));
            assert!((2f64.powi(top)..2f64.powi(top + 1)).contains(&scaled), "{x:e}: {scaled:e}");
        }
    }
    assert_eq!(shift(F16, 0.0), 0, "a row of zeros");
}

#[test]
fn two_f16_hold_23_bits_or_what_is_above_their_floor() {
    for x in floats() {
        for down in 0..40 {
            // The greatest of the row is that much larger.
            let shift = shift(F16, x) - down;
            if x == 0.0 || f64::from(x) * 2f64.powi(down) > f64::from(f32::MAX) {
                continue;
            }
            let error = (joined(F16, x, shift) - f64::from(x)).abs();
            let floor = 2f64.powi(-25 - shift);
            let allowed = if down <= 16 { f64::from(x) * 2f64.powi(-23) } else { floor };
            assert!(error <= allowed, "{x:e} {down} below the greatest: {error:e}");
        }
    }
}

#[test]
fn three_bf16_hold_all_of_a_float() {
    for x in floats() {
        for down in [0, 1, 20, 100, 158] {
            if x == 0.0 || f64::from(x) * 2f64.powi(down) > f64::from(f32::MAX) {
                continue;
            }
            assert_eq!(joined(BF16, x, shift(BF16, x) - down), f64::from(x), "{x:e} {down} below the greatest");
            assert_eq!(joined(BF16, -x, shift(BF16, x) - down), -f64::from(x));
        }
    }
}

#[test]
fn shifts_are_taken_back_with_one_rounding() {
    for sum in [1.0f32, 1.5, -1.234_567_9, 12345.678, 3.0e13, 2f32.powi(-40), 0.0] {
        for exponent in -460..=230 {
            // SAFETY: arithmetic on values alone.
            let got = unsafe { twin_unscaled(sum, exponent) };
            assert_eq!(got, (f64::from(sum) * 2f64.powi(exponent)) as f32, "{sum} * 2^{exponent}");
        }
    }
}

#[test]
fn the_scheme_is_the_fastest_that_is_accurate() {
    // Spread, share far from the greatest for each scheme, special, shift.
    let scheme = |a: [u32; 5], b: [u32; 5]| {
        let seen: Vec<u32> = a.into_iter().chain(b).collect();
        // SAFETY: the pointer is to as many words as twins.h declares.
        unsafe { twin_split_scheme(seen.as_ptr()) }
    };
    let narrow = [16, 256, 256, 0, 3];
    let normal = [30, 40, 0, 0, 3];
    let sparse = [30, 220, 0, 0, 3];
    let wide = [120, 240, 100, 0, 60];
    let wider = [240, 250, 240, 0, 60];
    assert_eq!(scheme(narrow, narrow), F16, "no element loses a bit");
    assert_eq!(scheme(normal, normal), F16, "most products are large");
    assert_eq!(scheme(normal, sparse), BF16, "large elements may all meet small ones");
    assert_eq!(scheme(narrow, sparse), BF16);
    assert_eq!(scheme(wide, normal), BF16);
    assert_eq!(scheme(wide, wide), BF16, "the products reach below f32, but most are large");
    assert_eq!(scheme(wider, normal), BF16, "as before");
    assert_eq!(scheme(wider, wide), NONE);
    assert_eq!(scheme([16, 0, 0, 1, 0], narrow), NONE, "infinite or NaN");
    assert_eq!(scheme(narrow, [16, 0, 0, 1, 0]), NONE);
}

/// Eight rows of a plane fill 512 bytes without gaps, and the eight that a matrix load takes lie in different banks.
#[test]
fn chunks_of_a_plane() {
    // SAFETY: arithmetic on values alone.
    let byte = |row, chunk| unsafe { twin_split_chunk(row, chunk) };
    let mut all: Vec<u32> = (0..64).flat_map(|row| (0..4).map(move |chunk| byte(row, chunk))).collect();
    all.sort();
    assert_eq!(all, (0..64 * 64).step_by(16).collect::<Vec<_>>());
    for first in (0..64).step_by(8) {
        for chunk in 0..4 {
            let mut banks: Vec<u32> = (first..first + 8).map(|row| byte(row, chunk) / 16 % 8).collect();
            banks.sort();
            assert_eq!(banks, [0, 1, 2, 3, 4, 5, 6, 7], "rows from {first} on");
        }
    }
}

#[test]
fn descriptors_of_planes() {
    for address in (0..227 << 10).step_by(512) {
        // SAFETY: arithmetic on values alone.
        let descriptor = unsafe { twin_split_descriptor(address) };
        assert_eq!(descriptor & 0x3fff, u64::from(address >> 4));
        assert_eq!(descriptor >> 32 & 0x3fff, 512 / 16, "between groups of eight rows");
        assert_eq!(descriptor >> 49 & 7, 0, "planes are aligned to their pattern");
        assert_eq!(descriptor >> 62, 2, "the 64-byte swizzle");
    }
}
