//! In-place operations: what they write, what they leave alone, and which overlaps they refuse. Operators, which panic.

use ndarray::s;
use tilework::{Device, Error, Number, Result, Tensor};

use crate::element::{TestElement, each_element};
use crate::runner::{Context, Outcome, Suite};
use crate::vocabulary::Binary;

const FAMILY: &str = "inplace";

pub fn cases(suite: &mut Suite) {
    each_element!(T in numbers {
        for (op, update) in updates::<T>() {
            let name = format!("{}_assign", op.name());
            suite.case::<T>(FAMILY, &name, "views", T::supported, move |ctx| check_update::<T>(ctx, op, update));
        }
    });
    suite.general(FAMILY, "overlap", "refused", refused_overlaps);
    suite.general(FAMILY, "overlap", "harmless", harmless_overlaps);
    suite.general(FAMILY, "operators", "as methods", operators);
    suite.general(FAMILY, "operators", "panics", operator_panics);
}

type Update<T> = fn(&mut Tensor<T>, Side<T>) -> Result<()>;

/// The right-hand side of an update.
enum Side<'a, T: Number> {
    Tensor(&'a Tensor<T>),
    Number(T),
}

fn updates<T: TestElement + Number>() -> [(Binary, Update<T>); 5] {
    macro_rules! update {
        ($method:ident) => {
            |x, side| match side {
                Side::Tensor(y) => x.$method(y),
                Side::Number(y) => x.$method(y),
            }
        };
    }
    [
        (Binary::Add, update!(add_assign)),
        (Binary::Sub, update!(sub_assign)),
        (Binary::Mul, update!(mul_assign)),
        (Binary::Div, update!(div_assign)),
        (Binary::Rem, update!(rem_assign)),
    ]
}

/// The update of a view gives the bits of the operation that makes a new tensor, and nothing around the view changes.
fn check_update<T: TestElement + Number>(ctx: &Context, op: Binary, update: Update<T>) -> Outcome {
    let mut rng = ctx.rng();
    let (a, b) = (rng.elements::<T>(12 * 10, 10.0), rng.elements::<T>(12 * 10, 10.0));
    for (name, index) in [
        ("everything", s![.., ..]),
        ("a block", s![2..7, 3..9]),
        ("every second column", s![.., ..;2]),
        ("backwards", s![..;-2, ..;-3]),
        ("nothing", s![3..3, ..]),
    ] {
        let y = Tensor::from_vec(b.clone(), (12, 10), &ctx.device)?.slice(index)?;
        let number = b[0];
        let row = Tensor::from_vec(b[..y.shape()[1]].to_vec(), (1, y.shape()[1]), &ctx.device)?;
        let sides = [("a tensor", Side::Tensor(&y)), ("a row", Side::Tensor(&row)), ("a number", Side::Number(number))];
        for (with, side) in sides {
            let target = Tensor::from_vec(a.clone(), (12, 10), &ctx.device)?;
            let before = target.to_contiguous()?.slice(index)?;
            let result = match side {
                Side::Tensor(y) => T::binary(op, &before, y).expect("defined for numbers")?,
                Side::Number(y) => T::binary_scalar(op, &before, y).expect("defined for numbers")?,
            };
            let mut want = ndarray::ArrayD::from_shape_vec(vec![12, 10], a.clone()).expect("120 elements");
            want.slice_mut(index).assign(&result.to_ndarray()?);
            update(&mut target.slice(index)?, side)?;
            ctx.at(format_args!("{name} with {with}"));
            ctx.check_bits(&[12, 10], &target.to_vec()?, &want.iter().copied().collect::<Vec<T>>());
        }
    }
    Ok(())
}

fn ramp(device: &Device) -> Result<Tensor<f32>> {
    Tensor::arange(0.0, 20.0, 1.0, device)
}

fn refused_overlaps(ctx: &Context) -> Outcome {
    let device = &ctx.device;
    let unchanged: Vec<f32> = (0..20).map(|i| i as f32).collect();
    let overlap = |op, shape: &[usize], reason| Error::Overlap { op, shape: shape.to_vec(), reason };

    let x = ramp(device)?;
    ctx.at("x[1..] += x[..19], shifted by one");
    let error = overlap("add", &[19], "overlaps the operand");
    ctx.check_error(x.slice(s![1..])?.add_assign(&x.slice(s![..19])?), &error);
    ctx.check_bits(&[20], &x.to_vec()?, &unchanged);

    ctx.at("assign to a reversed self");
    ctx.check_error(x.slice(s![..;-1])?.assign(&x), &overlap("assign", &[20], "overlaps the operand"));
    ctx.check_bits(&[20], &x.to_vec()?, &unchanged);

    let square = ramp(device)?.slice(s![..16])?.reshape((4, 4))?;
    ctx.at("a square matrix += its transpose");
    ctx.check_error(square.clone().add_assign(square.t()), &overlap("add", &[4, 4], "overlaps the operand"));

    ctx.at("a broadcast target");
    let mut stretched = ramp(device)?.broadcast((3, 20))?;
    let reason = "reaches some elements more than once";
    ctx.check_error(stretched.add_assign(1.0), &overlap("add", &[3, 20], reason));
    ctx.check_error(stretched.assign(1.0), &overlap("assign", &[3, 20], reason));
    Ok(())
}

fn harmless_overlaps(ctx: &Context) -> Outcome {
    let device = &ctx.device;
    let mut x = ramp(device)?;
    let alias = x.clone();
    x.add_assign(&alias)?;
    ctx.at("x += x");
    ctx.check_bits(&[20], &x.to_vec()?, &(0..20).map(|i| 2.0 * i as f32).collect::<Vec<_>>());
    ctx.at("seen through a clone");
    ctx.check_bits(&[20], &alias.to_vec()?, &x.to_vec()?);

    let x = ramp(device)?;
    let (mut head, tail) = x.split_at(ndarray::Axis(0), 10)?;
    head.add_assign(&tail)?;
    ctx.at("one half += the other");
    let want: Vec<f32> = (0..20).map(|i| if i < 10 { 2 * i + 10 } else { i } as f32).collect();
    ctx.check_bits(&[20], &x.to_vec()?, &want);

    let x = ramp(device)?;
    x.slice(s![..;2])?.mul_assign(&x.slice(s![1..;2])?)?;
    ctx.at("even elements *= odd ones");
    let want: Vec<f32> = (0..20).map(|i| if i % 2 == 0 { i * (i + 1) } else { i } as f32).collect();
    ctx.check_bits(&[20], &x.to_vec()?, &want);

    ctx.at("a result is read while its source changes afterwards");
    let mut x = ramp(device)?;
    let y = x.add(1.0)?;
    x.assign(0.0)?;
    ctx.check_bits(&[20], &y.to_vec()?, &(1..21).map(|i| i as f32).collect::<Vec<_>>());
    Ok(())
}

fn operators(ctx: &Context) -> Outcome {
    let (a, b) = (ramp(&ctx.device)?, ramp(&ctx.device)?.add(1.0)?);
    let mut checks = vec![
        ("&a + &b", &a + &b, a.add(&b)?),
        ("a - &b", a.clone() - &b, a.sub(&b)?),
        ("&a * 2.0", &a * 2.0, a.mul(2.0)?),
        ("&a / b", &a / b.clone(), a.div(&b)?),
        ("&a % 3.0", &a % 3.0, a.rem(3.0)?),
        ("-&a", -&a, a.neg()?),
        ("2.0 - &a", 2.0 - &a, a.neg()?.add(2.0)?),
        ("1.0 / &b", 1.0 / &b, Tensor::ones(20, &ctx.device)?.div(&b)?),
    ];
    let mut c = a.to_contiguous()?;
    c += &b;
    c *= 2.0;
    c -= 1.0;
    c /= 4.0;
    checks.push(("+= *= -= /=", c, a.add(&b)?.mul(2.0)?.sub(1.0)?.div(4.0)?));
    for (name, got, want) in checks {
        ctx.at(name);
        ctx.check_bits(&[20], &got.to_vec()?, &want.to_vec()?);
    }
    let (p, q) = (a.gt(5.0)?, a.lt(9.0)?);
    for (name, got, want) in [
        ("&p & &q", &p & &q, p.logical_and(&q)?),
        ("&p | &q", &p | &q, p.logical_or(&q)?),
        ("&p ^ &q", &p ^ &q, p.logical_xor(&q)?),
        ("!&p", !&p, p.logical_not()?),
    ] {
        ctx.at(name);
        ctx.check_bits(&[20], &got.to_vec()?, &want.to_vec()?);
    }
    Ok(())
}

/// An operator panics with the message that the method returns, and the tensors stay usable.
fn operator_panics(ctx: &Context) -> Outcome {
    let (a, b) = (ramp(&ctx.device)?, Tensor::<f32>::zeros(3, &ctx.device)?);
    let message = a.add(&b).map_or_else(|error| error.to_string(), |_| String::new());
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(&a + &b)));
    let text = panic.err().and_then(|payload| payload.downcast_ref::<String>().cloned()).unwrap_or_default();
    ctx.at("&a + &b of shapes [20] and [3]");
    ctx.check_that(!message.is_empty() && text == message, || {
        format!("the panic says {text:?}, the method {message:?}")
    });
    ctx.check_bits(&[20], &a.add(1.0)?.to_vec()?, &(1..21).map(|i| i as f32).collect::<Vec<_>>());
    Ok(())
}
