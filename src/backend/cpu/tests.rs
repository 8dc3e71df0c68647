//! What the conformance suite can't see from outside, and the layouts that this backend's files treat apart.

use std::sync::{Arc, Barrier};

use half::{bf16, f16};
use ndarray::Array2;

use super::{Buffer, Cpu};
use crate::backend::{self, Backend, Matmul, Operand, Source, op};
use crate::dtype::{DType, Element, Scalar};
use crate::layout::{Layout, broadcast_shape};

/// A tensor without the floor above.
struct Tensor {
    buffer: backend::Buffer,
    layout: Layout,
    dtype: DType,
}

impl Tensor {
    fn new<T: Element>(shape: &[usize], elements: Vec<T>) -> Self {
        let layout = Layout::contiguous("test", shape, size_of::<T>()).unwrap();
        assert_eq!(layout.len(), elements.len());
        Self { buffer: backend::Buffer::Cpu(Buffer::adopt(elements)), layout, dtype: T::DTYPE }
    }

    fn zeros<T: Element>(shape: &[usize]) -> Self {
        Self::new(shape, vec![T::ZERO; shape.iter().product()])
    }

    fn with(self, layout: Layout) -> Self {
        Self { layout, ..self }
    }

    fn operand(&self) -> Operand<'_> {
        Operand { buffer: &self.buffer, layout: &self.layout, dtype: self.dtype }
    }

    /// The elements in row-major order.
    fn to_vec<T: Element>(&self, cpu: &Cpu) -> Vec<T> {
        let out = Self::zeros::<T>(self.layout.shape());
        cpu.copy(self.operand(), out.operand()).unwrap();
        #[allow(irrefutable_let_patterns, reason = "there are other backends only with features")]
        let backend::Buffer::Cpu(buffer) = out.buffer else { unreachable!() };
        buffer.try_into_vec().unwrap_or_else(|_| panic!("the buffer was adopted"))
    }
}

/// Elements that differ from each other and are exact in f32.
fn ramp(len: usize) -> Vec<f32> {
    (0..len).map(|i| ((i * 7919) % 4099) as f32 / 8.0 - 200.0).collect()
}

/// Layouts of `shape` that hold the same numbers as a row-major one of `elements`, each with its storage.
fn arrangements(shape: &[usize], elements: &[f32]) -> Vec<(&'static str, Tensor)> {
    arrangements_in(shape, elements, f32::NAN)
}

/// The same for elements of any type, with `other` between them.
fn arrangements_in<T: Element>(shape: &[usize], elements: &[T], other: T) -> Vec<(&'static str, Tensor)> {
    let place = |name: &'static str, layout: Layout, room: usize| {
        let mut storage = vec![other; room];
        for (n, &x) in elements.iter().enumerate() {
            storage[layout.offset_of(n)] = x;
        }
        (name, Tensor::new(&[room], storage).with(layout))
    };
    let len = elements.len();
    let rank = shape.len();
    let contiguous = Layout::contiguous("test", shape, 4).unwrap();
    let mut reversed: Vec<usize> = shape.to_vec();
    reversed.reverse();
    let transposed = Layout::contiguous("test", &reversed, 4).unwrap().transposed();
    let spread = Layout::from_parts(shape.into(), contiguous.strides().iter().map(|stride| stride * 3).collect(), 5);
    let mut strides = contiguous.strides().to_vec();
    let mut offset = 0;
    for axis in 0..rank {
        offset += (shape[axis] - 1) * strides[axis] as usize;
        strides[axis] = -strides[axis];
    }
    let backwards = Layout::from_parts(shape.into(), strides.as_slice().into(), offset);
    vec![
        place("row-major", contiguous, len),
        place("transposed", transposed, len),
        place("spread", spread, 3 * len + 5),
        place("backwards", backwards, len),
    ]
}

const SHAPES: &[&[usize]] = &[
    &[],
    &[1],
    &[1023],
    &[1025],
    &[3, 5],
    &[70, 33],
    &[2000, 3],
    &[3, 2000],
    &[300, 300],
    &[2, 3, 2, 3, 2, 3],
    &[40, 1, 50, 30],
];

#[test]
fn elementwise_operations_ignore_the_layout() {
    let cpu = Cpu::new();
    for shape in SHAPES {
        let len = shape.iter().product();
        let (a, b) = (ramp(len), ramp(len + 9)[9..].to_vec());
        let expected: Vec<f32> = a.iter().zip(&b).map(|(a, b)| a * b).collect();
        for (a_name, a) in arrangements(shape, &a) {
            for (b_name, b) in arrangements(shape, &b) {
                for (out_name, out) in arrangements(shape, &vec![0.0; len]) {
                    let sources = [Source::Tensor(a.operand()), Source::Tensor(b.operand())];
                    cpu.binary(op::Binary::Mul, sources[0], sources[1], out.operand()).unwrap();
                    assert_eq!(out.to_vec::<f32>(&cpu), expected, "{shape:?}: {a_name} * {b_name} -> {out_name}");
                }
            }
        }
    }
}

#[test]
fn operations_in_place_give_what_they_give_elsewhere() {
    let cpu = Cpu::new();
    for shape in SHAPES {
        let len = shape.iter().product();
        let x = ramp(len);
        let expected: Vec<f32> = x.iter().map(|x| x * x - x).collect();
        for (name, tensor) in arrangements(shape, &x) {
            let square = Tensor::zeros::<f32>(shape);
            cpu.unary(op::Unary::Square, [Scalar::Float(0.0); 2], tensor.operand(), square.operand()).unwrap();
            let sources = [Source::Tensor(square.operand()), Source::Tensor(tensor.operand())];
            cpu.binary(op::Binary::Sub, sources[0], sources[1], tensor.operand()).unwrap();
            assert_eq!(tensor.to_vec::<f32>(&cpu), expected, "{shape:?} {name}");
        }
    }
}

#[test]
fn interleaved_views_of_one_buffer_are_apart() {
    let cpu = Cpu::new();
    let tensor = Tensor::new(&[4096, 2], ramp(8192));
    let even = tensor.layout.narrow(1, 0, 1);
    let odd = tensor.layout.narrow(1, 1, 1);
    let operand = |layout| Operand { buffer: &tensor.buffer, layout, dtype: DType::F32 };
    let before = ramp(8192);
    cpu.binary(op::Binary::Add, Source::Tensor(operand(&even)), Source::Scalar(Scalar::Float(1.0)), operand(&odd))
        .unwrap();
    let after: Vec<f32> = tensor.to_vec(&cpu);
    for (i, pair) in after.chunks(2).enumerate() {
        assert_eq!(pair, [before[2 * i], before[2 * i] + 1.0]);
    }
}

#[test]
fn broadcast_operands_are_read_again_and_again() {
    let cpu = Cpu::new();
    for (a_shape, b_shape) in [([300, 40], [1, 40]), ([300, 40], [300, 1]), ([1, 2000], [7, 1]), ([1, 1], [40, 50])] {
        let shape = broadcast_shape("test", &a_shape, &b_shape).unwrap();
        let a = Tensor::new(&a_shape, ramp(a_shape.iter().product()));
        let b = Tensor::new(&b_shape, ramp(b_shape.iter().product()));
        let out = Tensor::zeros::<f32>(&shape);
        let layouts = [&a, &b].map(|tensor| tensor.layout.broadcast("test", &shape).unwrap());
        let expected = {
            let array = |t: &Tensor| {
                Array2::from_shape_vec((t.layout.shape()[0], t.layout.shape()[1]), t.to_vec(&cpu)).unwrap()
            };
            (&array(&a) + &array(&b)).into_raw_vec_and_offset().0
        };
        let [a, b] = [(&a, &layouts[0]), (&b, &layouts[1])]
            .map(|(tensor, layout)| Source::Tensor(Operand { buffer: &tensor.buffer, layout, dtype: DType::F32 }));
        cpu.binary(op::Binary::Add, a, b, out.operand()).unwrap();
        assert_eq!(out.to_vec::<f32>(&cpu), expected, "{a_shape:?} + {b_shape:?}");
    }
}

#[test]
fn reductions_ignore_the_layout() {
    let cpu = Cpu::new();
    let shape = [37, 70, 41];
    let x: Vec<f32> = ramp(shape.iter().product());
    let axes_sets: [&[usize]; 8] = [&[], &[0], &[1], &[2], &[0, 1], &[0, 2], &[1, 2], &[0, 1, 2]];
    let ops = [
        op::Reduce::Sum,
        op::Reduce::Mean,
        op::Reduce::Max,
        op::Reduce::Min,
        op::Reduce::ArgMax,
        op::Reduce::ArgMin,
        op::Reduce::Var { ddof: 1.0 },
        op::Reduce::Norm,
        op::Reduce::Dot,
    ];
    for axes in axes_sets {
        let kept: Vec<usize> = (0..3).filter(|a| !axes.contains(a)).map(|a| shape[a]).collect();
        for op in ops {
            let mut first: Option<Vec<f64>> = None;
            for (name, tensor) in arrangements(&shape, &x) {
                let out = if op.is_arg() { Tensor::zeros::<u32>(&kept) } else { Tensor::zeros::<f32>(&kept) };
                let y = (op == op::Reduce::Dot).then(|| tensor.operand());
                cpu.reduce(op, tensor.operand(), y, axes, out.operand()).unwrap();
                let got = if op.is_arg() {
                    out.to_vec::<u32>(&cpu).into_iter().map(f64::from).collect()
                } else {
                    out.to_vec::<f32>(&cpu).into_iter().map(f64::from).collect::<Vec<_>>()
                };
                let expected = first.get_or_insert_with(|| naive(op, &x, &shape, axes));
                for (i, (got, expected)) in got.iter().zip(&*expected).enumerate() {
                    let same = got == expected
                        || (got - expected).abs() <= 1e-6 * expected.abs()
                        || got.is_nan() && expected.is_nan();
                    assert!(same, "{} over {axes:?}, {name}: output {i} is {got}, not {expected}", op.name());
                }
            }
        }
    }
}

/// A reduction in f64 by the definition.
fn naive(op: op::Reduce, x: &[f32], shape: &[usize; 3], axes: &[usize]) -> Vec<f64> {
    let mut groups: std::collections::BTreeMap<Vec<usize>, Vec<f64>> = Default::default();
    for (n, &x) in x.iter().enumerate() {
        let index = [n / (shape[1] * shape[2]), n / shape[2] % shape[1], n % shape[2]];
        let key = (0..3).filter(|a| !axes.contains(a)).map(|a| index[a]).collect();
        groups.entry(key).or_default().push(f64::from(x));
    }
    let position = |group: &[f64], best: f64| group.iter().position(|&x| x == best).unwrap() as f64;
    let reduce = |group: Vec<f64>| {
        let n = group.len() as f64;
        let sum: f64 = group.iter().sum();
        let squares = |shift: f64| group.iter().map(|x| (x - shift) * (x - shift)).sum::<f64>();
        let (max, min) = group.iter().fold((f64::MIN, f64::MAX), |(a, b), &x| (a.max(x), b.min(x)));
        match op {
            op::Reduce::Sum => sum,
            op::Reduce::Mean => sum / n,
            op::Reduce::Max => max,
            op::Reduce::Min => min,
            op::Reduce::ArgMax => position(&group, max),
            op::Reduce::ArgMin => position(&group, min),
            op::Reduce::Var { ddof } => {
                if n > ddof {
                    squares(sum / n) / (n - ddof)
                } else {
                    f64::NAN
                }
            }
            op::Reduce::Norm => squares(0.0).sqrt(),
            op::Reduce::Dot => squares(0.0),
            _ => unreachable!("not among the tested"),
        }
    };
    groups.into_values().map(reduce).collect()
}

#[test]
fn sums_of_f64_have_the_same_bits_in_every_layout() {
    let cpu = Cpu::new();
    let shape = [1500, 130];
    let x: Vec<f64> = ramp(1500 * 130).into_iter().map(|x| f64::from(x).exp2().recip() + 0.1).collect();
    let rows = Tensor::new(&shape, x.clone());
    let array = Array2::from_shape_vec((1500, 130), x).unwrap();
    let columns: Vec<f64> = array.t().iter().copied().collect();
    let columns = Tensor::new(&[130, 1500], columns);
    let columns = Tensor { layout: columns.layout.transposed(), ..columns };
    for axes in [&[0][..], &[1], &[0, 1]] {
        for op in [op::Reduce::Sum, op::Reduce::Var { ddof: 0.0 }, op::Reduce::Prod] {
            let kept: Vec<usize> = (0..2).filter(|a| !axes.contains(a)).map(|a| shape[a]).collect();
            let reduce = |x: &Tensor| {
                let out = Tensor::zeros::<f64>(&kept);
                cpu.reduce(op, x.operand(), None, axes, out.operand()).unwrap();
                out.to_vec::<f64>(&cpu).into_iter().map(f64::to_bits).collect::<Vec<_>>()
            };
            assert_eq!(reduce(&rows), reduce(&columns), "{} over {axes:?}", op.name());
        }
    }
}

#[test]
fn the_variance_survives_a_large_mean_and_an_outlier() {
    let cpu = Cpu::new();
    let mut x: Vec<f64> = (0..5000).map(|i| 1e9 + f64::from(i % 7)).collect();
    x[0] = 1e9 + 1e4;
    let mean = x.iter().map(|x| x - 1e9).sum::<f64>() / 5000.0;
    let expected = x.iter().map(|x| (x - 1e9 - mean).powi(2)).sum::<f64>() / 5000.0;
    let (x, out) = (Tensor::new(&[5000], x), Tensor::zeros::<f64>(&[]));
    cpu.reduce(op::Reduce::Var { ddof: 0.0 }, x.operand(), None, &[0], out.operand()).unwrap();
    let got = out.to_vec::<f64>(&cpu)[0];
    assert!((got / expected - 1.0).abs() < 1e-10, "{got}, not {expected}");
}

#[test]
fn argmax_finds_the_first_nan_else_the_first_largest() {
    let cpu = Cpu::new();
    let argmax = |x: Vec<f32>| {
        let (x, out) = (Tensor::new(&[x.len()], x), Tensor::zeros::<u32>(&[]));
        cpu.reduce(op::Reduce::ArgMax, x.operand(), None, &[0], out.operand()).unwrap();
        out.to_vec::<u32>(&cpu)[0]
    };
    for len in [1, 15, 16, 17, 1024, 1025, 5000, 100_000] {
        assert_eq!(argmax(vec![f32::NEG_INFINITY; len]), 0);
        for at in [0, len / 3, len / 2, len - 1] {
            let mut x = vec![1.0; len];
            x[at..].fill(2.0);
            assert_eq!(argmax(x.clone()), at as u32);
            x[at..].fill(f32::NAN);
            assert_eq!(argmax(x), at as u32);
        }
    }
}

#[test]
fn conversions_to_half_types_round_once() {
    let cpu = Cpu::new();
    // Halfway between two half numbers, and a trifle beside: rounding to f32 first would lose the trifle.
    let ties = (0..2000).map(|i| 1.0 + f64::from(2 * i + 1) / 4096.0 * if i % 2 == 0 { 0.5 } else { 4.0 });
    let x: Vec<f64> = ties
        .flat_map(|x| [x, x + 1e-12, x - 1e-12, -x, x * 1e-6 + 1e-20])
        .chain([0.0, -0.0, f64::NAN, 65_519.999_999_9, 65_520.0, 65_535.0])
        .collect();
    let tensor = Tensor::new(&[x.len()], x.clone());
    let (f, b) = (Tensor::zeros::<f16>(&[x.len()]), Tensor::zeros::<bf16>(&[x.len()]));
    cpu.copy(tensor.operand(), f.operand()).unwrap();
    cpu.copy(tensor.operand(), b.operand()).unwrap();
    for ((x, f), b) in x.into_iter().zip(f.to_vec::<f16>(&cpu)).zip(b.to_vec::<bf16>(&cpu)) {
        let nearest = |got: f64, next: [f64; 2], is_even: bool| {
            // A neighbour that is NaN is none.
            let farther = next.into_iter().all(|next| next.is_nan() || (got - x).abs() < (next - x).abs());
            let tied = next.into_iter().any(|next| (got - x).abs() == (next - x).abs());
            got.to_bits() == x.to_bits() || x.is_nan() && got.is_nan() || farther || tied && is_even
        };
        let next = |bits: u16| [bits.wrapping_add(1), bits.wrapping_sub(1)];
        // Past the largest number, infinity stands where the next one would be.
        let f_value = |bits: u16| {
            if bits & 0x7FFF == 0x7C00 {
                65_536f64.copysign(f16::from_bits(bits).to_f64())
            } else {
                f16::from_bits(bits).to_f64()
            }
        };
        assert!(
            nearest(f_value(f.to_bits()), next(f.to_bits()).map(f_value), f.to_bits() & 1 == 0),
            "{x:e} as f16 is {f:e}"
        );
        let b_value = |bits: u16| bf16::from_bits(bits).to_f64();
        assert!(
            nearest(b_value(b.to_bits()), next(b.to_bits()).map(b_value), b.to_bits() & 1 == 0),
            "{x:e} as bf16 is {b:e}"
        );
    }
}

#[test]
fn every_half_survives_a_round_trip() {
    let cpu = Cpu::new();
    let f: Vec<f16> = (0..=u16::MAX).map(f16::from_bits).collect();
    let b: Vec<bf16> = (0..=u16::MAX).map(bf16::from_bits).collect();
    let neg = |x: Tensor| {
        cpu.unary(op::Unary::Neg, [Scalar::Float(0.0); 2], x.operand(), x.operand()).unwrap();
        x
    };
    let got = neg(Tensor::new(&[65_536], f.clone())).to_vec::<f16>(&cpu);
    assert!(got.iter().zip(&f).all(|(got, x)| got.to_bits() == (-x).to_bits() || got.is_nan() && x.is_nan()));
    let got = neg(Tensor::new(&[65_536], b.clone())).to_vec::<bf16>(&cpu);
    assert!(got.iter().zip(&b).all(|(got, x)| got.to_bits() == (-x).to_bits() || got.is_nan() && x.is_nan()));
}

fn product<'a>(a: &'a Tensor, b: &'a Tensor) -> Matmul<'a> {
    Matmul {
        a: a.operand(),
        b: b.operand(),
        packed: None,
        alpha: Scalar::Float(1.0),
        bias: None,
        activation: backend::Activation::None,
        multiply: None,
        beta: Scalar::Float(1.0),
        c: None,
        precision: backend::Precision::F32,
    }
}

#[test]
fn products_have_the_same_bits_in_every_layout() {
    let cpu = Cpu::new();
    for [m, k, n] in
        [[1, 1, 1], [1, 300, 70], [70, 300, 1], [3, 5, 7], [16, 600, 16], [17, 2, 40], [70, 300, 90], [300, 513, 257]]
    {
        let (a, b) = (ramp(m * k), ramp(k * n));
        let (a, b) = (a.iter().map(|x| x * 0.37).collect::<Vec<_>>(), b.iter().map(|x| x * 0.73).collect::<Vec<_>>());
        let mut first: Option<Vec<u32>> = None;
        for (a_name, a_tensor) in arrangements(&[m, k], &a) {
            for (b_name, b_tensor) in arrangements(&[k, n], &b) {
                let out = Tensor::zeros::<f32>(&[m, n]);
                cpu.matmul(product(&a_tensor, &b_tensor), out.operand()).unwrap();
                let got = out.to_vec::<f32>(&cpu);
                let expected = Array2::from_shape_vec((m, k), a.clone())
                    .unwrap()
                    .mapv(f64::from)
                    .dot(&Array2::from_shape_vec((k, n), b.clone()).unwrap().mapv(f64::from));
                for (got, expected) in got.iter().zip(&expected) {
                    // Terms are below 200^2 and rounding errors below k units of the last place of their sum.
                    assert!(
                        (f64::from(*got) - expected).abs() <= k as f64 * k as f64 * 4e4 * 6e-8,
                        "{got}, not {expected}"
                    );
                }
                let bits: Vec<u32> = got.into_iter().map(f32::to_bits).collect();
                let same = *first.get_or_insert_with(|| bits.clone()) == bits;
                assert!(same, "{m}x{k}x{n}: {a_name} @ {b_name}");
            }
        }
    }
}

#[test]
fn products_of_bf16_have_the_same_bits_in_every_layout_and_keep_subnormal_numbers() {
    let cpu = Cpu::new();
    for [m, k, n] in [[1, 1, 1], [1, 300, 70], [70, 300, 1], [17, 2, 40], [70, 1100, 90], [40, 2100, 33]] {
        // How small the factors are: not, in one row and some steps, or all, so that most results are subnormal.
        for [row, all] in [[1.0, 1.0], [2f32.powi(-135), 1.0], [1.0, 2f32.powi(-74)]] {
            let round = |x: f32| bf16::from_f32(x);
            let small = |i: usize| if i / k == m / 2 && i.is_multiple_of(7) { row } else { 1.0 };
            let a: Vec<bf16> = ramp(m * k).iter().enumerate().map(|(i, x)| round(x * small(i) * all)).collect();
            let b: Vec<bf16> = ramp(k * n).iter().map(|x| round(x * 0.73 * all)).collect();
            let dot = |i: usize, f: fn(f64) -> f64| -> f64 {
                (0..k).map(|p| f(a[i / n * k + p].to_f64() * b[p * n + i % n].to_f64())).sum()
            };
            let expected: Vec<[f64; 2]> = (0..m * n).map(|i| [dot(i, |x| x), dot(i, f64::abs)]).collect();
            let mut first: Option<Vec<u16>> = None;
            for (a_name, a_tensor) in arrangements_in(&[m, k], &a, bf16::NAN) {
                for (b_name, b_tensor) in arrangements_in(&[k, n], &b, bf16::NAN) {
                    let out = Tensor::zeros::<bf16>(&[m, n]);
                    cpu.matmul(product(&a_tensor, &b_tensor), out.operand()).unwrap();
                    let got = out.to_vec::<bf16>(&cpu);
                    for (got, [expected, magnitude]) in got.iter().zip(&expected) {
                        // A rounding for each step, of half a unit of f32 or half its least number, and that to bf16.
                        let sums = k as f64 * (magnitude * 2f64.powi(-24) + 2f64.powi(-150));
                        let error = sums + expected.abs() * 2f64.powi(-8) + 2f64.powi(-134);
                        let difference = (got.to_f64() - expected).abs();
                        assert!(difference <= 1.01 * error, "{m}x{k}x{n}: {got:e}, not {expected:e}");
                    }
                    let bits: Vec<u16> = got.into_iter().map(bf16::to_bits).collect();
                    let same = *first.get_or_insert_with(|| bits.clone()) == bits;
                    assert!(same, "{m}x{k}x{n}: {a_name} @ {b_name}");
                }
            }
        }
    }
}

#[test]
fn a_residual_may_be_the_output() {
    let cpu = Cpu::new();
    let (a, b) = (Tensor::new(&[40, 30], ramp(1200)), Tensor::new(&[30, 50], ramp(1500)));
    let out = Tensor::new(&[40, 50], ramp(2000));
    let separate = Tensor::zeros::<f32>(&[40, 50]);
    let residual = Matmul { activation: backend::Activation::Relu, c: Some(out.operand()), ..product(&a, &b) };
    cpu.matmul(residual, separate.operand()).unwrap();
    cpu.matmul(residual, out.operand()).unwrap();
    for (a, b) in out.to_vec::<f32>(&cpu).into_iter().zip(separate.to_vec::<f32>(&cpu)) {
        assert!((a - b).abs() <= 30.0 * 4e4 * 6e-8, "{a} in place, {b} elsewhere");
    }
}

#[test]
fn rows_are_normalised_in_every_layout() {
    let cpu = Cpu::new();
    let x: Vec<f32> = ramp(70 * 333).into_iter().map(|x| x / 50.0).collect();
    let array = Array2::from_shape_vec((70, 333), x.clone()).unwrap().mapv(f64::from);
    let run =
        |tensor: &Tensor, out: &Tensor, op: op::Softmax| cpu.softmax(op, tensor.operand(), out.operand()).unwrap();
    for op in [op::Softmax::Softmax, op::Softmax::LogSoftmax] {
        for (name, tensor) in arrangements(&[70, 333], &x) {
            let out = Tensor::zeros::<f32>(&[70, 333]);
            run(&tensor, &out, op);
            run(&tensor, &tensor, op);
            let got = out.to_vec::<f32>(&cpu);
            assert_eq!(got, tensor.to_vec::<f32>(&cpu), "{name} in place");
            let got = Array2::from_shape_vec((70, 333), got).unwrap();
            for (got, x) in got.rows().into_iter().zip(array.rows()) {
                let sum: f64 = x.iter().map(|x| x.exp()).sum();
                for (&got, &x) in got.iter().zip(x) {
                    let expected = if op == op::Softmax::Softmax { x.exp() / sum } else { x - sum.ln() };
                    assert!(
                        (f64::from(got) - expected).abs() <= 3e-7 * expected.abs(),
                        "{name}: {got}, not {expected}"
                    );
                }
            }
        }
    }
}

#[test]
fn operands_beyond_their_buffer_are_refused() {
    let cpu = Cpu::new();
    let x = Tensor::new(&[4], ramp(4));
    let layout = Layout::contiguous("test", &[5], 4).unwrap();
    let beyond = Operand { buffer: &x.buffer, layout: &layout, dtype: DType::F32 };
    assert!(matches!(cpu.copy(beyond, beyond), Err(crate::Error::OutOfBounds { op: "copy", .. })));
    assert!(matches!(cpu.read(&x.buffer, 8..17, &mut [0; 9]), Err(crate::Error::OutOfBounds { op: "read", .. })));
    assert!(matches!(cpu.write(&x.buffer, &[0; 17]), Err(crate::Error::OutOfBounds { op: "write", .. })));
}

#[test]
fn adopted_vectors_come_back_without_a_copy() {
    let elements = vec![1i64, 2, 3];
    let address = elements.as_ptr();
    let buffer = Buffer::adopt(elements);
    let Err(buffer) = buffer.try_into_vec::<f64>() else { panic!("a buffer of i64 is no vector of f64") };
    let Ok(elements) = buffer.try_into_vec::<i64>() else { panic!("the buffer was adopted") };
    assert_eq!((elements.as_ptr(), elements), (address, vec![1, 2, 3]));
}

#[test]
fn threads_that_swap_operands_finish() {
    let cpu = Arc::new(Cpu::new());
    let (a, b) = (Tensor::new(&[40_000], ramp(40_000)), Tensor::new(&[40_000], ramp(40_000)));
    let start = Barrier::new(2);
    let work = |x: &Tensor, y: &Tensor| {
        start.wait();
        for _ in 0..50 {
            let sources = [Source::Tensor(x.operand()), Source::Tensor(y.operand())];
            cpu.binary(op::Binary::Maximum, sources[0], sources[1], x.operand()).unwrap();
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| work(&a, &b));
        scope.spawn(|| work(&b, &a));
    });
    assert_eq!(a.to_vec::<f32>(&cpu), ramp(40_000));
}

#[test]
fn tasks_of_another_pool_finish() {
    use rayon::prelude::*;
    let cpu = Cpu::new();
    let x = Tensor::new(&[100_000], vec![0i32; 100_000]);
    // All tasks write one tensor, each with the pool's help: were it to run another task meanwhile, that would wait for this one.
    (0..16).into_par_iter().for_each(|_| {
        cpu.binary(op::Binary::Add, Source::Tensor(x.operand()), Source::Scalar(Scalar::Int(1)), x.operand()).unwrap();
    });
    assert_eq!(x.to_vec::<i32>(&cpu), vec![16; 100_000]);
}
