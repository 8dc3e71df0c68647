//! The exponential of softmax, swept against f64.

use tilework_host_twins::twin_exp_difference;

fn exp_difference(x: f32, max: f32) -> f32 {
    // SAFETY: arithmetic on values alone.
    unsafe { twin_exp_difference(x, max) }
}

/// The distance of `found` from e^(x - max), in units of the last place of the exact value.
fn error(x: f32, max: f32) -> f64 {
    let exact = (f64::from(x) - f64::from(max)).exp();
    let exponent = exact.log2().floor().max(-126.0);
    (f64::from(exp_difference(x, max)) - exact).abs() / (exponent - 23.0).exp2()
}

#[test]
fn within_1_25_ulp_for_all_differences() {
    // Maxima of every magnitude and sign, so that x - max is inexact in every way.
    let maxima = [0.0f32, 1.0, -1.0, 0.1, -7.3, 33.3, 1234.567, -98_765.43, 3.0e-5, 1.0e-30];
    let mut worst = (0.0, 0.0, 0.0);
    for max in maxima {
        for step in 0..400_000u32 {
            let x = max - step as f32 * 2.7e-4 - (step % 7) as f32 * 1.1e-7;
            if x > max {
                continue;
            }
            let error = error(x, max);
            if error > worst.0 {
                worst = (error, x, max);
            }
        }
    }
    assert!(worst.0 <= 1.25, "{} ULP at e^({} - {})", worst.0, worst.1, worst.2);
}

#[test]
fn special_values() {
    assert_eq!(exp_difference(5.0, 5.0), 1.0);
    assert_eq!(exp_difference(f32::NEG_INFINITY, 3.0), 0.0);
    assert_eq!(exp_difference(-f32::MAX, f32::MAX), 0.0);
    assert!(exp_difference(f32::NEG_INFINITY, f32::NEG_INFINITY).is_nan());
    assert!(exp_difference(f32::INFINITY, f32::INFINITY).is_nan());
    assert!(exp_difference(f32::NAN, f32::NAN).is_nan());
}
