//! Construction, views, conversion between element types, devices and host arrays: against ndarray and Rust's `as`.

use half::{bf16, f16};
use ndarray::{ArrayD, Axis, Slice, s};
use tilework::{DType, Device, Number, Result, Tensor};

use crate::element::{TestElement, Value, each_element};
use crate::layouts::{Physical, logical, place};
use crate::report::Want;
use crate::runner::{Context, Outcome, Suite};
use crate::tolerance;
use crate::values::{all_patterns, edges};

const FAMILY: &str = "convert";

pub fn cases(suite: &mut Suite) {
    each_element!(T in stored {
        host_cases::<T>(suite);
        view_cases::<T>(suite);
        each_element!(U in stored { cast_case::<T, U>(suite) });
    });
    each_element!(T in numbers { range_case::<T>(suite) });
    where_and_fused(suite);
}

/// As many elements of all kinds as there are, over and over.
fn mixed<T: TestElement>(ctx: &Context, n: usize) -> Vec<T> {
    let mut x = edges::<T>();
    x.extend(ctx.rng().patterns::<T>(n.saturating_sub(x.len())));
    x.truncate(n);
    x
}

fn host_cases<T: TestElement>(suite: &mut Suite) {
    suite.case::<T>(FAMILY, "round trip", "vectors and arrays", T::supported, |ctx| {
        for shape in [&[][..], &[0], &[1], &[3, 0, 2], &[515], &[7, 11, 13], &[2, 1, 3, 2, 1, 2, 2, 3]] {
            let x = mixed::<T>(ctx, shape.iter().product());
            let tensor = Tensor::from_vec(x.clone(), shape, &ctx.device)?;
            ctx.at(format_args!("from_vec and back, shape {shape:?}"));
            ctx.check_bits(shape, &tensor.to_vec()?, &x);
            // Arrays with every kind of stride: transposed, reversed, every second element.
            let array = ArrayD::from_shape_vec(shape, x).expect("as many elements as the shape has");
            let mut reversed = array.view();
            (0..shape.len()).for_each(|axis| reversed.invert_axis(Axis(axis)));
            let mut sparse = array.view();
            sparse.slice_each_axis_inplace(|_| Slice::from(..).step_by(2));
            for (name, view) in
                [("row-major", array.view()), ("column-major", array.t()), ("reversed", reversed), ("sparse", sparse)]
            {
                ctx.at(format_args!("from_ndarray and back, {name}, shape {:?}", view.shape()));
                let tensor = Tensor::from_ndarray(&view, &ctx.device)?;
                let want: Vec<T> = view.iter().copied().collect();
                ctx.check_bits(view.shape(), &tensor.to_vec()?, &want);
                for back in [tensor.to_ndarray()?, tensor.clone().into_ndarray()?] {
                    ctx.check_that(back.shape() == view.shape(), || format!("to_ndarray has shape {:?}", back.shape()));
                    ctx.check_bits(view.shape(), &back.iter().copied().collect::<Vec<T>>(), &want);
                }
            }
        }
        Ok(())
    });
    suite.case::<T>(FAMILY, "construct", "zeros ones full eye", T::supported, |ctx| {
        for shape in [&[][..], &[0], &[1], &[5], &[515], &[33, 65]] {
            let n = shape.iter().product();
            for (name, value, tensor) in [
                ("zeros", T::ZERO, Tensor::<T>::zeros(shape, &ctx.device)?),
                ("ones", T::ONE, Tensor::ones(shape, &ctx.device)?),
                ("full", T::canary(), Tensor::full(shape, T::canary(), &ctx.device)?),
            ] {
                ctx.at(format_args!("{name} of shape {shape:?}"));
                ctx.check_bits(shape, &tensor.to_vec()?, &vec![value; n]);
            }
        }
        for &value in ctx.some(&edges::<T>()) {
            ctx.at(format_args!("full of {value:?}"));
            ctx.check_bits(&[3], &Tensor::full(3, value, &ctx.device)?.to_vec()?, &[value; 3]);
        }
        for n in [0, 1, 5, 33] {
            let want: Vec<T> = (0..n * n).map(|i| if i / n == i % n { T::ONE } else { T::ZERO }).collect();
            ctx.at(format_args!("eye of {n}"));
            ctx.check_bits(&[n, n], &Tensor::<T>::eye(n, &ctx.device)?.to_vec()?, &want);
        }
        Ok(())
    });
    suite.case::<T>(FAMILY, "to_device", "there and back", T::supported, |ctx| {
        let x = mixed::<T>(ctx, 600);
        for physical in Physical::ALL {
            let x = logical(&[20, 30], &x, physical);
            let host = place(&Device::cpu(), &[20, 30], &x, physical)?;
            let back = host.to_device(&ctx.device)?.to_device(&Device::cpu())?;
            ctx.at(physical.name());
            ctx.check_bits(&[20, 30], &back.to_vec()?, &x);
        }
        Ok(())
    });
    suite.case::<T>(FAMILY, "assign", "into views", T::supported, |ctx| {
        // What lies around the target must stay as it is.
        let (x, y) = (mixed::<T>(ctx, 12 * 10), ctx.rng().patterns::<T>(12 * 10));
        for (name, index) in [
            ("a block", s![2..7, 3..9]),
            ("every second column", s![.., ..;2]),
            ("rows and columns backwards", s![..;-2, ..;-3]),
            ("one row", s![4..5, ..]),
            ("nothing", s![3..3, ..]),
        ] {
            let mut want = ArrayD::from_shape_vec(vec![12, 10], x.clone()).expect("120 elements");
            let source = ArrayD::from_shape_vec(vec![12, 10], y.clone()).expect("120 elements");
            let target = Tensor::from_vec(x.clone(), (12, 10), &ctx.device)?;
            let values = Tensor::from_vec(y.clone(), (12, 10), &ctx.device)?;
            want.slice_mut(index).assign(&source.slice(index));
            target.slice(index)?.assign(&values.slice(index)?)?;
            ctx.at(format_args!("a tensor into {name}"));
            ctx.check_bits(&[12, 10], &target.to_vec()?, &want.iter().copied().collect::<Vec<T>>());
            want.slice_mut(index).fill(T::ONE);
            target.slice(index)?.assign(T::ONE)?;
            ctx.at(format_args!("a number into {name}"));
            ctx.check_bits(&[12, 10], &target.to_vec()?, &want.iter().copied().collect::<Vec<T>>());
        }
        Ok(())
    });
    suite.case::<T>(FAMILY, "display", "as ndarray", T::supported, |ctx| {
        let x: Vec<T> = (0..24).map(|i| T::from_f64(f64::from(i % 5))).collect();
        for shape in [&[24][..], &[4, 6], &[2, 3, 4], &[1, 24, 1]] {
            let array = ArrayD::from_shape_vec(shape, x.clone()).expect("24 elements");
            let tensor = Tensor::from_vec(x.clone(), shape, &ctx.device)?;
            ctx.at(format_args!("shape {shape:?}"));
            ctx.check_that(tensor.to_string() == array.to_string(), || {
                format!("printed as\n{tensor}\nnot as\n{array}")
            });
        }
        Ok(())
    });
}

fn view_cases<T: TestElement>(suite: &mut Suite) {
    suite.case::<T>(FAMILY, "views", "as ndarray", T::supported, |ctx| {
        let x = mixed::<T>(ctx, 4 * 6 * 5);
        let array = ArrayD::from_shape_vec(vec![4, 6, 5], x.clone()).expect("120 elements");
        let tensor = Tensor::from_vec(x, (4, 6, 5), &ctx.device)?;
        let check = |name: &str, got: Result<Tensor<T>>, want: ndarray::ArrayViewD<T>| -> Outcome {
            ctx.at(name);
            let got = got?;
            ctx.check_that(got.shape() == want.shape(), || format!("shape {:?}, not {:?}", got.shape(), want.shape()));
            ctx.check_bits(want.shape(), &got.to_vec()?, &want.iter().copied().collect::<Vec<T>>());
            // The same elements as a standard tensor, made on the device, with memory of its own.
            ctx.check_bits(want.shape(), &got.to_contiguous()?.to_vec()?, &want.iter().copied().collect::<Vec<T>>());
            Ok(())
        };
        check("t", Ok(tensor.t()), array.t())?;
        check("permuted_axes", tensor.permuted_axes([2, 0, 1]), array.view().permuted_axes(vec![2, 0, 1]))?;
        check("slice of ranges", tensor.slice(s![1..3, .., 2..]), array.slice(s![1..3, .., 2..]).into_dyn())?;
        check("slice with steps", tensor.slice(s![..;2, 1..;3, ..;4]), array.slice(s![..;2, 1..;3, ..;4]).into_dyn())?;
        check(
            "slice backwards",
            tensor.slice(s![..;-1, ..;-2, 1..4;-3]),
            array.slice(s![..;-1, ..;-2, 1..4;-3]).into_dyn(),
        )?;
        check(
            "slice from the end",
            tensor.slice(s![-2.., ..-1, -3..-1]),
            array.slice(s![-2.., ..-1, -3..-1]).into_dyn(),
        )?;
        check("slice by index", tensor.slice(s![2, .., -1]), array.slice(s![2, .., -1]).into_dyn())?;
        let new = s![.., ndarray::NewAxis, 1, ..];
        check("slice with a new axis", tensor.slice(new), array.slice(new).into_dyn())?;
        check("empty slice", tensor.slice(s![2..2, .., ..]), array.slice(s![2..2, .., ..]).into_dyn())?;
        check("index_axis", tensor.index_axis(Axis(1), 4), array.index_axis(Axis(1), 4))?;
        check("insert_axis", tensor.insert_axis(Axis(1)), array.view().insert_axis(Axis(1)))?;
        let single = tensor.slice(s![.., 3..4, ..])?;
        check("remove_axis", single.remove_axis(Axis(1)), array.index_axis(Axis(1), 3))?;
        let (head, tail) = tensor.split_at(Axis(1), 2)?;
        let (want_head, want_tail) = array.view().split_at(Axis(1), 2);
        check("split_at, head", Ok(head), want_head)?;
        check("split_at, tail", Ok(tail), want_tail)?;
        let row = array.index_axis(Axis(0), 1).index_axis_move(Axis(0), 2).to_owned();
        let stretched = row.broadcast(vec![3, 2, 5]).expect("a row stretches");
        check("broadcast", tensor.slice(s![1, 2, ..])?.broadcast([3, 2, 5]), stretched)?;
        check("reshape", tensor.reshape([8, 15]), array.to_shape(vec![8, 15]).expect("120 elements").view())?;
        let transposed = array.t();
        let copied = transposed.to_shape(vec![15, 8]).expect("120 elements");
        check("reshape of a transpose", tensor.t().reshape([15, 8]), copied.view())?;
        check(
            "reshape to a scalar",
            tensor.slice(s![1..2, 1..2, 1..2])?.reshape(()),
            array.slice(s![1, 1, 1]).into_dyn(),
        )
    });
}

/// Conversion as Rust's `as`, from every edge of one type to another; to `bool` is `!= 0`.
fn cast_case<T: TestElement, U: TestElement>(suite: &mut Suite) {
    let what = format!("to {}", U::DTYPE);
    let probe = |device: &Device| Tensor::<T>::zeros(1, device)?.cast::<U>()?.to_vec().map(drop);
    suite.case::<T>(FAMILY, "cast", &what, probe, |ctx| {
        let mut x = edges::<T>();
        if size_of::<T>() <= 2 {
            x.extend(all_patterns::<T>());
        }
        let mut rng = ctx.rng();
        x.extend(rng.patterns::<T>(2000));
        // Around the ends of the integer types, where conversion saturates or wraps.
        for end in
            [0.0, 128.0, 255.0, 256.0, 32_768.0, 65_504.0, 65_520.0, 2_147_483_648.0, 4_294_967_296.0, 9.3e18, 1.9e19]
        {
            x.extend([-1.0, -0.5, 0.0, 0.5, 1.0].iter().flat_map(|d| [T::from_f64(end + d), T::from_f64(-end + d)]));
        }
        // Past a tie of bf16 and of f16 by less than f32 can hold: who rounds twice rounds these to the wrong side.
        let past = [1.0 + 2f64.powi(-8) + 2f64.powi(-40), 1.0 + 2f64.powi(-11) + 2f64.powi(-40)];
        x.extend(past.iter().flat_map(|&v| [T::from_f64(v), T::from_f64(-v)]));
        if T::FORMAT.is_none() && size_of::<T>() >= 4 {
            let bits = 8 * size_of::<T>();
            let past = 1u64 << (bits - 2) | 1 << (bits - 10) | 1;
            x.extend([T::from_pattern(past), T::from_pattern(past.wrapping_neg())]);
        }
        let y = Tensor::from_vec(x.clone(), x.len(), &ctx.device)?.cast::<U>()?.to_vec()?;
        ctx.at("edges and random values");
        ctx.check(&[x.len()], &y, |i, got| judge_cast::<T, U>(ctx, x[i], got));
        for physical in ctx.some(Physical::STRIDED) {
            let shape = [7, 30];
            let x = logical(&shape, &x[..210], *physical);
            let reference = place(&ctx.device, &shape, &x, Physical::Contiguous)?.cast::<U>()?.to_vec()?;
            let y = place(&ctx.device, &shape, &x, *physical)?.cast::<U>()?.to_vec()?;
            ctx.at(format_args!("{}, against contiguous", physical.name()));
            ctx.check_bits(&shape, &y, &reference);
        }
        Ok(())
    });
}

fn judge_cast<T: TestElement, U: TestElement>(ctx: &Context, x: T, got: U) -> Option<Want> {
    match x.value() {
        Value::Float(v) => {
            let wants = tolerance::flushed::<T>(ctx.backend(), v).map(|v| Want::exactly(cast_float::<U>(v)));
            tolerance::judge(ctx.backend(), wants, got)
        }
        Value::Int(v) => Want::exactly(cast_int::<U>(v)).judge(got),
    }
}

/// `v as U`: floats round to nearest even, integers truncate and saturate, NaN is 0.
fn cast_float<U: TestElement>(v: f64) -> Value {
    match U::DTYPE {
        DType::Bool => Value::Int((v != 0.0).into()),
        DType::I32 => Value::Int((v as i32).into()),
        DType::I64 => Value::Int((v as i64).into()),
        DType::U8 => Value::Int((v as u8).into()),
        DType::U32 => Value::Int((v as u32).into()),
        _ => Value::Float(v),
    }
}

/// `v as U`: integers wrap, floats round to nearest even, once.
fn cast_int<U: TestElement>(v: i128) -> Value {
    match U::DTYPE {
        DType::Bool => Value::Int((v != 0).into()),
        DType::F64 => Value::Float(v as f64),
        DType::F32 => Value::Float(f64::from(v as f32)),
        DType::F16 | DType::BF16 | DType::F8E4M3 | DType::F8E5M2 => Value::Float(to_odd(v)),
        _ => Value::Int(v),
    }
}

/// The f64 that is `v`, or else its neighbour with an odd last bit, from which a half type rounds as from `v` itself.
fn to_odd(v: i128) -> f64 {
    let nearest = v as f64;
    let towards_zero = nearest.to_bits() - u64::from((nearest as i128).abs() > v.abs());
    f64::from_bits(towards_zero | u64::from(nearest as i128 != v))
}

fn range_case<T: TestElement + Number>(suite: &mut Suite) {
    suite.case::<T>(FAMILY, "construct", "arange", T::supported, |ctx| {
        let at = |v: f64| T::from_f64(v);
        for (start, end, step) in
            [(0.0, 10.0, 1.0), (3.0, 3.0, 1.0), (5.0, 3.0, 1.0), (2.0, 100.0, 7.0), (0.0, 100.0, 99.0)]
        {
            let count = f64::ceil((end - start) / step).max(0.0) as usize;
            let want: Vec<T> = (0..count).map(|i| at(start + i as f64 * step)).collect();
            ctx.at(format_args!("arange({start}, {end}, {step})"));
            let x = Tensor::arange(at(start), at(end), at(step), &ctx.device)?;
            ctx.check_that(x.shape() == [count], || format!("it has shape {:?}", x.shape()));
            ctx.check_bits(&[count], &x.to_vec()?, &want);
        }
        Ok(())
    });
}

/// Selection and the fused forms with three operands, which the vocabulary does not list.
fn where_and_fused(suite: &mut Suite) {
    each_element!(T in stored { where_case::<T>(suite) });
    each_element!(T in [f32, f64, f16, bf16, i32, i64, u8, u32] { affine_case::<T>(suite) });
}

fn where_case<T: TestElement>(suite: &mut Suite) {
    let probe =
        |device: &Device| Tensor::from_vec(vec![true], 1, device)?.where_cond(T::ONE, T::ZERO)?.to_vec().map(drop);
    suite.case::<T>("elementwise", "where_cond", "values and layouts", probe, |ctx| {
        let shape = [9, 37];
        let (a, b) = (mixed::<T>(ctx, 333), ctx.rng().patterns::<T>(333));
        let mask: Vec<bool> = ctx.rng().patterns(333);
        for (i, physical) in Physical::ALL.into_iter().enumerate() {
            let layouts = [physical, Physical::ALL[(i + 2) % 7], Physical::ALL[(3 * i + 1) % 7]];
            let (mask, a, b) =
                (logical(&shape, &mask, layouts[0]), logical(&shape, &a, layouts[1]), logical(&shape, &b, layouts[2]));
            let on = place(&ctx.device, &shape, &mask, layouts[0])?;
            let (x, y) = (place(&ctx.device, &shape, &a, layouts[1])?, place(&ctx.device, &shape, &b, layouts[2])?);
            let choose = |yes: &dyn Fn(usize) -> T, no: &dyn Fn(usize) -> T| -> Vec<T> {
                (0..333).map(|i| if mask[i] { yes(i) } else { no(i) }).collect()
            };
            ctx.at(format_args!("mask {}, {} or {}", layouts[0].name(), layouts[1].name(), layouts[2].name()));
            ctx.check_bits(&shape, &on.where_cond(&x, &y)?.to_vec()?, &choose(&|i| a[i], &|i| b[i]));
            ctx.check_bits(&shape, &on.where_cond(T::ONE, &y)?.to_vec()?, &choose(&|_| T::ONE, &|i| b[i]));
            ctx.check_bits(&shape, &on.where_cond(&x, T::ZERO)?.to_vec()?, &choose(&|i| a[i], &|_| T::ZERO));
            let row = y.slice(s![2, ..])?;
            ctx.check_bits(&shape, &on.where_cond(&x, &row)?.to_vec()?, &choose(&|i| a[i], &|i| b[74 + i % 37]));
        }
        Ok(())
    });
}

fn affine_case<T: TestElement + Number>(suite: &mut Suite) {
    let probe = |device: &Device| Tensor::<T>::ones(1, device)?.affine(T::ONE, T::ZERO)?.to_vec().map(drop);
    suite.case::<T>("elementwise", "affine", "values and layouts", probe, |ctx| {
        let shape = [9, 37];
        let mut rng = ctx.rng();
        let [x, scale, shift] = [(); 3].map(|()| rng.elements::<T>(333, 50.0));
        for (i, physical) in Physical::ALL.into_iter().enumerate() {
            let layouts = [physical, Physical::ALL[(i + 2) % 7], Physical::ALL[(3 * i + 1) % 7]];
            let (x, scale, shift) = (
                logical(&shape, &x, layouts[0]),
                logical(&shape, &scale, layouts[1]),
                logical(&shape, &shift, layouts[2]),
            );
            let [a, b, c] = [(&x, layouts[0]), (&scale, layouts[1]), (&shift, layouts[2])]
                .map(|(elements, physical)| place(&ctx.device, &shape, elements, physical));
            let (a, b, c) = (a?, b?, c?);
            let judge = |x: T, scale: T, shift: T, got: T| want_affine(ctx, x, scale, shift).judge(got);
            ctx.at(format_args!("{}, {}, {}", layouts[0].name(), layouts[1].name(), layouts[2].name()));
            ctx.check(&shape, &a.affine(&b, &c)?.to_vec()?, |i, got| judge(x[i], scale[i], shift[i], got));
            ctx.check(&shape, &a.affine(scale[0], &c)?.to_vec()?, |i, got| judge(x[i], scale[0], shift[i], got));
            ctx.check(&shape, &a.affine(&b, shift[0])?.to_vec()?, |i, got| judge(x[i], scale[i], shift[0], got));
            ctx.check(&shape, &a.affine(scale[0], shift[0])?.to_vec()?, |i, got| judge(x[i], scale[0], shift[0], got));
        }
        Ok(())
    });
}

fn want_affine<T: TestElement>(ctx: &Context, x: T, scale: T, shift: T) -> Want {
    match [x, scale, shift].map(T::value) {
        [Value::Float(x), Value::Float(scale), Value::Float(shift)] => {
            tolerance::affine::<T>(ctx.backend()).around::<T>(x.mul_add(scale, shift), (x * scale).abs())
        }
        [x, scale, shift] => Want::exactly(Value::Int(x.int() * scale.int() + shift.int())),
    }
}
