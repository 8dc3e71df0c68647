//! The half types, held to the `half` crate over all their values and over the floats around every rounding boundary.

use half::{bf16, f16};
use tilework_host_twins::{twin_narrow_bf16, twin_narrow_f16, twin_widen_bf16, twin_widen_f16};

fn same(a: f32, b: f32) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

#[test]
fn every_half_is_widened_exactly() {
    for bits in 0..=u16::MAX {
        // SAFETY: arithmetic on values alone.
        let (wide_f16, wide_bf16) = unsafe { (twin_widen_f16(bits), twin_widen_bf16(bits)) };
        assert!(same(wide_f16, f16::from_bits(bits).to_f32()), "f16 {bits:04x}: {wide_f16}");
        assert!(same(wide_bf16, bf16::from_bits(bits).to_f32()), "bf16 {bits:04x}: {wide_bf16}");
    }
}

/// Both values, both midpoints and the floats beside each: everywhere that rounding can go wrong.
fn boundaries(value: f32, next: f32) -> impl Iterator<Item = f32> {
    let middle = ((f64::from(value) + f64::from(next)) / 2.0) as f32;
    [value, middle].into_iter().flat_map(|x| [x.next_down(), x, x.next_up()])
}

#[test]
fn floats_around_every_half_are_narrowed_to_nearest_even() {
    for bits in 0..u16::MAX {
        for x in boundaries(f16::from_bits(bits).to_f32(), f16::from_bits(bits + 1).to_f32()) {
            // SAFETY: arithmetic on values alone.
            let got = f16::from_bits(unsafe { twin_narrow_f16(x) });
            assert!(same(got.to_f32(), f16::from_f32(x).to_f32()), "f16 of {x:e}: {got}");
        }
        for x in boundaries(bf16::from_bits(bits).to_f32(), bf16::from_bits(bits + 1).to_f32()) {
            // SAFETY: arithmetic on values alone.
            let got = bf16::from_bits(unsafe { twin_narrow_bf16(x) });
            assert!(same(got.to_f32(), bf16::from_f32(x).to_f32()), "bf16 of {x:e}: {got}");
        }
    }
}
