//! The 8-bit floats on the device, held to the library's own types, which have tests of their own.

use proptest::prelude::*;
use tilework::{Element, F8E4M3, F8E5M2};
use tilework_host_twins::*;

fn check(x: f32) {
    // SAFETY: arithmetic on values alone.
    let (a, b) = unsafe { (twin_narrow_f8e4m3(x), twin_narrow_f8e5m2(x)) };
    assert_eq!((a, b), (F8E4M3::from_f32(x).to_bits(), F8E5M2::from_f32(x).to_bits()), "{x:e}");
}

#[test]
fn every_code() {
    for code in 0..=0xffu8 {
        let (a, b) = (F8E4M3::from_bits(code), F8E5M2::from_bits(code));
        // SAFETY: arithmetic on values alone.
        unsafe {
            let same = |x: f32, y: f32| x.to_bits() == y.to_bits() || x.is_nan() && y.is_nan();
            assert!(same(twin_widen_f8e4m3(code), a.to_f32()), "{code:#x}");
            assert!(same(twin_widen_f8e5m2(code), b.to_f32()), "{code:#x}");
            assert_eq!(twin_cast_f8e5m2_i32(code), b.to_f32() as i32);
            assert_eq!(twin_cast_f8e4m3_u8(code), a.to_f32() as u8);
            assert_eq!(twin_cast_f8e4m3_b8(code), a.to_f32() != 0.0);
        }
    }
}

/// All numbers of 16 bits in the upper half of an f32, with what may lie below: exact, a little more, almost the next.
#[test]
fn floats_of_every_size() {
    for high in 0..=0xffffu32 {
        for low in [0, 1, 0x8000, 0xffff] {
            check(f32::from_bits(high << 16 | low));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn wide_numbers_are_rounded_once(x in -1000.0f64..1000.0, scale in -20i32..10, i: i64) {
        let x = x * 2f64.powi(scale);
        // SAFETY: arithmetic on values alone.
        let (a, b) = unsafe { (twin_cast_f64_f8e4m3(x), twin_cast_i64_f8e5m2(i)) };
        prop_assert_eq!(a, <F8E4M3 as Element>::from_f64(x).to_bits());
        // What is lost in an f64 is far below the 3 bits that are kept, and no tie.
        prop_assert_eq!(b, <F8E5M2 as Element>::from_f64(i as f64).to_bits());
    }
}
