//! Counter-based random numbers: the bits of the published generator, on every backend.

use tilework::{Device, Float, Result, Tensor};

use crate::element::{TestElement, each_element};
use crate::runner::Suite;

const FAMILY: &str = "random";

#[derive(Clone, Copy)]
struct Draw<T: Float> {
    name: &'static str,
    call: fn(&[usize], u64, &Device) -> Result<Tensor<T>>,
    /// Mean, standard deviation and bounds of the distribution.
    mean: f64,
    deviation: f64,
    range: [f64; 2],
    /// The distribution function.
    below: fn(f64) -> f64,
}

pub fn cases(suite: &mut Suite) {
    each_element!(T in floats {
        let uniform = Draw::<T> {
            name: "rand",
            call: |shape, key, device| Tensor::rand(shape, key, device),
            mean: 0.5,
            deviation: (1.0f64 / 12.0).sqrt(),
            range: [0.0, 1.0],
            below: |x| x.clamp(0.0, 1.0),
        };
        draw_cases(suite, uniform);
        let normal = Draw::<T> {
            name: "randn",
            call: |shape, key, device| Tensor::randn(shape, key, device),
            mean: 0.0,
            deviation: 1.0,
            range: [-10.0, 10.0],
            below: |x| 0.5 * libm::erfc(-x / std::f64::consts::SQRT_2),
        };
        draw_cases(suite, normal);
    });
}

fn draw_cases<T: TestElement + Float>(suite: &mut Suite, draw: Draw<T>) {
    let probe = move |device: &Device| (draw.call)(&[2], 0, device)?.to_vec().map(drop);
    suite.case::<T>(FAMILY, draw.name, "same bits as the CPU", probe, move |ctx| {
        for (shape, key) in
            [(&[][..], 0), (&[1], 1), (&[515], 2), (&[1029, 917], 42), (&[7, 11, 13], u64::MAX), (&[3, 0], 7)]
        {
            let x = (draw.call)(shape, key, &ctx.device)?;
            ctx.at(format_args!("shape {shape:?}, key {key}"));
            ctx.check_that(x.shape() == shape, || format!("the result has shape {:?}", x.shape()));
            ctx.check_bits(shape, &x.to_vec()?, &(draw.call)(shape, key, &Device::cpu())?.to_vec()?);
        }
        Ok(())
    });
    suite.case::<T>(FAMILY, draw.name, "element by index and key", probe, move |ctx| {
        // A shorter tensor is the start of a longer one, whatever its shape, and another key has other numbers.
        let long = (draw.call)(&[5000], 9, &ctx.device)?.to_vec()?;
        for shape in [&[1][..], &[3], &[4999], &[71, 70], &[1000, 5]] {
            let n: usize = shape.iter().product();
            ctx.at(format_args!("shape {shape:?} against a vector of 5000"));
            ctx.check_bits(shape, &(draw.call)(shape, 9, &ctx.device)?.to_vec()?, &long[..n]);
        }
        for key in [8, 10, 9 << 32] {
            let other = (draw.call)(&[5000], key, &ctx.device)?.to_vec()?;
            let equal = other.iter().zip(&long).filter(|(a, b)| a.same(**b)).count();
            // Coincidences are rare but for the coarse bf16, of whose 256 or so values in [0.5, 1) some repeat.
            ctx.at(format_args!("keys 9 and {key}"));
            ctx.check_that(equal < 250, || format!("{equal} of 5000 elements are equal"));
        }
        Ok(())
    });
    suite.case::<T>(FAMILY, draw.name, "distribution", probe, move |ctx| {
        let n = 200_000;
        let mut x: Vec<f64> = (draw.call)(&[n], 2024, &ctx.device)?.to_vec()?.into_iter().map(|v| v.to_f64()).collect();
        ctx.at(format_args!("{n} numbers"));
        let [low, high] = draw.range;
        let outside = x.iter().filter(|v| !(low..high).contains(v)).count();
        ctx.check_that(outside == 0, || format!("{outside} lie outside [{low}, {high})"));
        // Five standard errors: a right generator fails once in two million keys, and this key is fixed.
        let mean = x.iter().sum::<f64>() / n as f64;
        let error =
            5.0 * draw.deviation / (n as f64).sqrt() + T::FORMAT.map_or(0.0, |format| format.ulp(draw.deviation));
        ctx.check_that((mean - draw.mean).abs() < error, || format!("the mean is {mean}, not {} ± {error}", draw.mean));
        let var = x.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n as f64;
        let spread = draw.deviation * draw.deviation;
        ctx.check_that((var - spread).abs() < 0.02 * spread, || format!("the variance is {var}, not {spread}"));
        // Kolmogorov-Smirnov: the largest distance of the two distribution functions, at the level of one in a million;
        // the elements' own spacing adds the probability that lies in one step.
        x.sort_by(f64::total_cmp);
        let step = T::FORMAT.map_or(0.0, |format| format.ulp(1.0));
        let distance = (0..n).map(|i| ((draw.below)(x[i]) - (i as f64 + 0.5) / n as f64).abs()).fold(0.0, f64::max);
        let allowed = 2.7 / (n as f64).sqrt() + step;
        ctx.check_that(distance < allowed, || format!("the distribution is off by {distance}, allowed {allowed}"));
        Ok(())
    });
    if draw.name == "rand" && T::DTYPE == tilework::DType::F32 {
        suite.case::<T>(FAMILY, draw.name, "published vectors", probe, move |ctx| {
            // Philox4x32-10 of counter 0 and key 0, from the known answers of Random123 (Salmon et al.).
            let words: [u32; 4] = [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8];
            let want = words.map(|word| T::from_f64(f64::from(word >> 8) * 0.5f64.powi(24)));
            ctx.at("the first four numbers of key 0, from the words' upper 24 bits");
            ctx.check_bits(&[4], &(draw.call)(&[4], 0, &ctx.device)?.to_vec()?, &want);
            Ok(())
        });
    }
}
