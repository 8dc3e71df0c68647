//! Products with a packed matrix: small integers to the bit in every layout and batch, what is packed is what was there, and the errors.
//!
//! Large products of f32, whose packed form is another one, are in `accuracy.rs` too.

use tilework::{BackendKind, Device, Error, MatmulOptions, Number, Precision, Result, Tensor};

use crate::element::{TestElement, Value, each_element};
use crate::layouts::Physical;
use crate::matmul::exact_by;
use crate::report::Want;
use crate::runner::{Context, Outcome, Suite};
use crate::values::Rng;

const FAMILY: &str = "matmul";
const NAME: &str = "matmul_packed";

pub fn cases(suite: &mut Suite) {
    each_element!(T in numbers { integer_cases::<T>(suite) });
    suite.case::<f32>(FAMILY, NAME, "large small integers", probe::<f32>, |ctx| {
        // Of enough rows and depth for the split, with tails; every precision.
        let mut rng = ctx.rng();
        let shapes: [[&[usize]; 2]; 3] =
            [[&[700, 520], &[520, 900]], [&[3, 390, 600], &[600, 260]], [&[2, 2, 300, 516], &[516, 1030]]];
        let precisions = [Precision::F32, Precision::Fma, Precision::Tf32];
        for (i, [left, right]) in ctx.some(shapes.into_iter().enumerate()) {
            for physical in [Physical::Contiguous, Physical::Transposed] {
                for precision in ctx.some(precisions).skip(i % 2) {
                    exact::<f32>(ctx, &mut rng, [left, right], [physical; 2], precision)?;
                }
            }
        }
        Ok(())
    });
    suite.case::<f32>(FAMILY, NAME, "epilogue", probe::<f32>, |ctx| {
        let packed = Tensor::<f32>::ones((520, 900), &ctx.device)?.pack()?;
        let (x, c) = (Tensor::ones((700, 520), &ctx.device)?, Tensor::ones(900, &ctx.device)?);
        // With an alpha of 0 nothing is read of either factor.
        let nothing = Tensor::full((520, 900), f32::NAN, &ctx.device)?.pack()?;
        for (alpha, packed, want) in [(2.0, &packed, 2.0 * 520.0 + 3.0), (0.0, &nothing, 3.0)] {
            ctx.at(format_args!("alpha {alpha}"));
            let options = MatmulOptions { alpha, beta: 3.0, c: Some(&c), ..Default::default() };
            let y = x.matmul_packed_with(packed, options)?.to_vec()?;
            ctx.check(&[700, 900], &y, |_, got| Want::exactly(Value::Float(want)).judge(got));
        }
        Ok(())
    });
    suite.case::<f32>(FAMILY, NAME, "errors", probe::<f32>, errors);
}

fn probe<T: TestElement + Number>(device: &Device) -> Result<()> {
    let x = Tensor::<T>::zeros((2, 2), device)?;
    x.matmul_packed(&x.pack()?)?.to_vec().map(drop)
}

fn integer_cases<T: TestElement + Number>(suite: &mut Suite) {
    suite.case::<T>(FAMILY, NAME, "small integers", probe::<T>, |ctx| {
        let mut rng = ctx.rng();
        let shapes: [[&[usize]; 2]; 9] = [
            [&[5, 7], &[7, 6]],
            [&[7], &[7, 6]],
            [&[3, 4, 5], &[5, 6]],
            [&[2, 3, 4, 9], &[9, 5]],
            [&[65, 600], &[600, 130]],
            [&[1, 520], &[520, 264]],
            [&[0, 3], &[3, 4]],
            [&[3, 0], &[0, 4]],
            [&[3, 4], &[4, 0]],
        ];
        for (i, [left, right]) in shapes.into_iter().enumerate() {
            let physical = Physical::ALL.into_iter().cycle().skip(i);
            for (left_physical, right_physical) in physical.clone().zip(physical.skip(1)).take(3) {
                exact::<T>(ctx, &mut rng, [left, right], [left_physical, right_physical], Precision::F32)?;
            }
        }
        Ok(())
    });
    suite.case::<T>(FAMILY, NAME, "a copy", probe::<T>, |ctx| {
        // What is done to the tensor afterwards does not show, and the packed matrix outlives it.
        let mut w = Tensor::<T>::ones((600, 40), &ctx.device)?;
        let packed = w.pack()?;
        w.assign(T::ZERO)?;
        drop(w);
        let y = Tensor::<T>::ones((2, 600), &ctx.device)?.matmul_packed(&packed)?;
        let plain = Tensor::<T>::ones((2, 600), &ctx.device)?.matmul(&Tensor::ones((600, 40), &ctx.device)?)?;
        ctx.check_bits(&[2, 40], &y.to_vec()?, &plain.to_vec()?);
        Ok(())
    });
}

/// A product of small integers with the right factor packed, to the bit.
fn exact<T: TestElement + Number>(
    ctx: &Context,
    rng: &mut Rng,
    factors: [&[usize]; 2],
    physical: [Physical; 2],
    precision: Precision,
) -> Outcome {
    exact_by::<T>(ctx, rng, factors, physical, |a, b| {
        let packed = b.pack()?;
        ctx.check_that(packed.shape() == b.shape(), || format!("packed, the shape is {:?}", packed.shape()));
        a.matmul_packed_with(&packed, MatmulOptions { precision, ..Default::default() })
    })
}

fn errors(ctx: &Context) -> Outcome {
    for shape in [&[][..], &[3], &[2, 3, 4]] {
        ctx.at(format_args!("packing {shape:?}"));
        let tensor = Tensor::<f32>::ones(shape, &ctx.device)?;
        ctx.check_error_that(tensor.pack().map(drop), "InvalidArgument with the shape", |error| {
            matches!(error, Error::InvalidArgument { op: "pack", reason } if reason.contains(&format!("{shape:?}")))
        });
    }
    let packed = Tensor::<f32>::ones((600, 4), &ctx.device)?.pack()?;
    ctx.at("factors that do not fit");
    let x = Tensor::<f32>::ones((5, 300), &ctx.device)?;
    ctx.check_error_that(x.matmul_packed(&packed), "ShapeMismatch with both shapes", |error| {
        matches!(error, Error::ShapeMismatch { op: "matmul_packed", lhs, rhs, .. } if *lhs == [5, 300] && *rhs == [600, 4])
    });
    if ctx.backend() != BackendKind::Cpu {
        ctx.at("a factor elsewhere");
        let x = Tensor::<f32>::ones((5, 600), &Device::cpu())?;
        ctx.check_error_that(x.matmul_packed(&packed), "DeviceMismatch", |error| {
            matches!(error, Error::DeviceMismatch { op: "matmul_packed", .. })
        });
    }
    Ok(())
}
