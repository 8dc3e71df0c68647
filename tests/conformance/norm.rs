//! RMS and layer normalisation over the last axes.

use tilework::{BackendKind, Device, Float, Result, Tensor};

use crate::element::{Format, TestElement, each_element};
use crate::layouts::{Physical, logical, place};
use crate::oracle;
use crate::report::Want;
use crate::runner::{Context, Outcome, Suite};
use crate::tolerance::{rounded, sum_error, sum_roundings};

const FAMILY: &str = "norm";
const EPS: f64 = 1e-5;

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Rms,
    Layer,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Rms => "rms_norm",
            Kind::Layer => "layer_norm",
        }
    }

    fn call<T: Float>(
        self,
        x: &Tensor<T>,
        axes: usize,
        weight: Option<&Tensor<T>>,
        bias: Option<&Tensor<T>>,
    ) -> Result<Tensor<T>> {
        match self {
            Kind::Rms => x.rms_norm(axes, weight, EPS),
            Kind::Layer => x.layer_norm(axes, weight, bias, EPS),
        }
    }
}

pub fn cases(suite: &mut Suite) {
    each_element!(T in floats {
        operation_cases::<T>(suite, Kind::Rms);
        operation_cases::<T>(suite, Kind::Layer);
    });
}

fn operation_cases<T: TestElement + Float>(suite: &mut Suite, kind: Kind) {
    let probe = move |device: &Device| kind.call(&Tensor::<T>::zeros(2, device)?, 1, None, None)?.to_vec().map(drop);
    suite.case::<T>(FAMILY, kind.name(), "shapes", probe, move |ctx| {
        for shape in [&[0][..], &[1], &[1, 0, 3], &[0, 5], &[37], &[5, 7, 11], &[33, 65], &[2, 1, 3, 2, 1, 2, 2, 3]] {
            for axes in 1..=shape.len() {
                for parameters in [false, true] {
                    check::<T>(ctx, kind, shape, axes, parameters, Physical::Contiguous, 0.0)?;
                }
            }
        }
        Ok(())
    });
    suite.case::<T>(FAMILY, kind.name(), "layouts", probe, move |ctx| {
        for (shape, axes) in [(&[37][..], 1), (&[19, 33], 1), (&[5, 4, 7], 1), (&[5, 4, 7], 2), (&[4, 1029], 1)] {
            for &physical in ctx.some(Physical::STRIDED) {
                check::<T>(ctx, kind, shape, axes, true, physical, 0.0)?;
            }
        }
        Ok(())
    });
    suite.case::<T>(FAMILY, kind.name(), "lengths", probe, move |ctx| {
        for n in (1..=515).step_by(ctx.scaled(103, 7, 1)).chain([32, 64, 128, 256, 512, 513]) {
            check::<T>(ctx, kind, &[3, n], 1, true, Physical::Contiguous, 0.0)?;
        }
        Ok(())
    });
    suite.case::<T>(FAMILY, kind.name(), "sizes", probe, move |ctx| {
        for shape in [[1029, 917], [66_000, 3], [3, 40_001], [1, 300_007], [2, 300_032]] {
            check::<T>(ctx, kind, &shape, 1, true, Physical::Contiguous, 0.0)?;
        }
        Ok(())
    });
    // Elements far from zero: their squares' mean less the mean's square would be lost in rounding.
    suite.case::<T>(FAMILY, kind.name(), "shifted", probe, move |ctx| {
        check::<T>(ctx, kind, &[7, 1000], 1, true, Physical::Contiguous, 300.0)?;
        check::<T>(ctx, kind, &[2, 300_032], 1, true, Physical::Contiguous, 300.0)
    });
    suite.case::<T>(FAMILY, kind.name(), "nan and infinity", probe, move |ctx| {
        for special in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut x = ctx.rng().elements::<T>(3 * 40, 3.0);
            x[40 + 17] = T::from_f64(special);
            check_elements(ctx, kind, &[3, 40], 1, true, Physical::Contiguous, &x)?;
        }
        Ok(())
    });
}

fn check<T: TestElement + Float>(
    ctx: &Context,
    kind: Kind,
    shape: &[usize],
    axes: usize,
    parameters: bool,
    physical: Physical,
    shift: f64,
) -> Outcome {
    let mut rng = ctx.rng();
    let x: Vec<T> = (0..shape.iter().product()).map(|_| T::from_f64(shift + 6.0 * rng.unit() - 3.0)).collect();
    check_elements(ctx, kind, shape, axes, parameters, physical, &x)
}

fn check_elements<T: TestElement + Float>(
    ctx: &Context,
    kind: Kind,
    shape: &[usize],
    axes: usize,
    parameters: bool,
    physical: Physical,
    elements: &[T],
) -> Outcome {
    let with = if parameters { "with" } else { "without" };
    ctx.at(format_args!("shape {shape:?} over the last {axes}, {with} weight and bias, {}", physical.name()));
    let inner = &shape[shape.len() - axes..];
    let columns: usize = inner.iter().product();
    let mut rng = ctx.rng();
    let (weight, bias) = match parameters {
        true => (rng.elements::<T>(columns, 2.0), rng.elements::<T>(columns, 2.0)),
        false => (vec![T::ONE; columns], vec![T::ZERO; columns]),
    };
    let x = logical(shape, elements, physical);
    let tensor = |v: &[T]| parameters.then(|| Tensor::from_vec(v.to_vec(), inner, &ctx.device)).transpose();
    let (w, b) = (tensor(&weight)?, tensor(&bias)?);
    let y = kind.call(&place(&ctx.device, shape, &x, physical)?, axes, w.as_ref(), b.as_ref())?;
    ctx.check_that(y.shape() == shape, || format!("the result has shape {:?}", y.shape()));
    let values = |v: &[T]| v.iter().map(|v| v.value().float()).collect::<Vec<f64>>();
    let (x, weight, bias) = (values(&x), values(&weight), values(&bias));
    let rows = x.chunks(columns.max(1));
    let wants: Vec<Want> = match kind {
        Kind::Rms => rows.flat_map(|row| want_rms::<T>(ctx.backend(), row, &weight)).collect(),
        Kind::Layer => rows.flat_map(|row| want_layer::<T>(ctx.backend(), row, &weight, &bias)).collect(),
    };
    ctx.check(shape, &y.to_vec()?, |i, got| wants[i].judge(got));
    Ok(())
}

/// What `1 / sqrt` errs by, in units of roundoff: 2 ULP, and in WGSL, where it is a root and a division, 4.5 + 2.5.
fn rsqrt_units(backend: BackendKind) -> f64 {
    if backend == BackendKind::Wgpu { 14.0 } else { 4.0 }
}

fn want_rms<T: TestElement>(backend: BackendKind, x: &[f64], weight: &[f64]) -> Vec<Want> {
    let n = x.len() as f64;
    let inverse = 1.0 / (oracle::dot(x.iter().map(|&v| (v, v))) / n + EPS).sqrt();
    // Half the relative error of the mean of squares; rsqrt; two products.
    let units = (sum_roundings(x.len()) + 3.0) / 2.0 + rsqrt_units(backend) + 2.0;
    let y = x.iter().zip(weight).map(|(v, w)| v * inverse * w);
    y.map(|y| rounded::<T>(y, sum_error::<T>(units, y.abs()))).collect()
}

fn want_layer<T: TestElement>(backend: BackendKind, x: &[f64], weight: &[f64], bias: &[f64]) -> Vec<Want> {
    let u = T::COMPUTE.map_or(0.0, Format::unit_roundoff);
    let (n, mean, var, roundings) = (x.len() as f64, oracle::mean(x), oracle::var(x, 0.0), sum_roundings(x.len()));
    let inverse = 1.0 / (var + EPS).sqrt();
    // The mean's error e moves every deviation d, and through them the variance (see `reduce::want_var`).
    let magnitude: f64 = x.iter().map(|v| v.abs()).sum();
    let spread: f64 = x.iter().map(|v| (v - mean).abs()).sum();
    let e = sum_error::<T>(roundings + 1.0, magnitude / n);
    let var_error = 2.0 * (spread / n * e + u * var) + e * e + sum_error::<T>(roundings + 3.0, var);
    let inverse_error = 0.5 * var_error / (var + EPS) + rsqrt_units(backend) * u;
    let elements = x.iter().zip(weight).zip(bias);
    elements
        .map(|((v, w), b)| {
            let (d, scale) = (v - mean, inverse * w.abs());
            let y = d * inverse * w + b;
            let error = scale * (e + u * d.abs()) + scale * d.abs() * (inverse_error + 3.0 * u) + u * y.abs();
            rounded::<T>(y, error)
        })
        .collect()
}
