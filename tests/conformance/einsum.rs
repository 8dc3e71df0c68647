//! Einstein summation against its definition: a loop over every value of every label, in f64.

use std::collections::BTreeMap;

use ndarray::Dimension;
use tilework::{Device, Number, Result, Tensor};

use crate::element::{TestElement, Value, each_element};
use crate::layouts::{Physical, logical, place};
use crate::report::Want;
use crate::runner::{Context, Outcome, Suite};
use crate::tolerance::{matmul_roundings, rounded, sum_error};
use crate::values::Rng;

const FAMILY: &str = "einsum";
const NAME: &str = "einsum";

/// An equation, the same with every axis named and the result written, and the operands' shapes.
type Known = (&'static str, &'static str, &'static [&'static [usize]]);

const KNOWN: &[Known] = &[
    // Products of matrices, in every order of the axes.
    ("ij,jk->ik", "ij,jk->ik", &[&[65, 130], &[130, 67]]),
    ("ij,jk->ki", "ij,jk->ki", &[&[5, 7], &[7, 6]]),
    ("ij,jk", "ij,jk->ik", &[&[5, 7], &[7, 6]]),
    ("ik , jk -> ij", "ik,jk->ij", &[&[5, 7], &[6, 7]]),
    ("ki,kj->ij", "ki,kj->ij", &[&[7, 5], &[7, 6]]),
    ("bhqd,bhkd->bhqk", "bhqd,bhkd->bhqk", &[&[2, 3, 9, 5], &[2, 3, 7, 5]]),
    ("bqhd,bkhd->bhqk", "bqhd,bkhd->bhqk", &[&[2, 9, 3, 5], &[2, 7, 3, 5]]),
    ("ij,j->i", "ij,j->i", &[&[5, 70], &[70]]),
    ("j,ij", "j,ij->i", &[&[7], &[5, 7]]),
    // Several axes as one.
    ("abcd,cdef->abef", "abcd,cdef->abef", &[&[2, 3, 4, 5], &[4, 5, 3, 2]]),
    ("abcd,efdc->abef", "abcd,efdc->abef", &[&[2, 3, 4, 5], &[3, 2, 5, 4]]),
    ("acbd,dfce->bfae", "acbd,dfce->bfae", &[&[2, 3, 4, 5], &[5, 2, 3, 4]]),
    // Nothing to sum, and nothing but sums.
    ("i,j->ij", "i,j->ij", &[&[5], &[70]]),
    ("ij,ij->ij", "ij,ij->ij", &[&[5, 7], &[5, 7]]),
    ("ij,ji->ij", "ij,ji->ij", &[&[5, 7], &[7, 5]]),
    ("ij,ij->j", "ij,ij->j", &[&[5, 70], &[5, 70]]),
    ("ij,ij->i", "ij,ij->i", &[&[5, 70], &[5, 70]]),
    ("ij,ij", "ij,ij->", &[&[5, 7], &[5, 7]]),
    ("ij,kl->il", "ij,kl->il", &[&[5, 7], &[3, 4]]),
    (",ij->ji", ",ij->ji", &[&[], &[5, 7]]),
    (",", ",->", &[&[], &[]]),
    // One operand, and diagonals.
    ("ba", "ba->ab", &[&[5, 7]]),
    ("aB", "aB->Ba", &[&[5, 7]]),
    ("ijk->k", "ijk->k", &[&[3, 4, 5]]),
    ("ij->", "ij->", &[&[5, 7]]),
    ("ii", "ii->", &[&[7, 7]]),
    ("ii->i", "ii->i", &[&[7, 7]]),
    ("iji->j", "iji->j", &[&[4, 5, 4]]),
    ("ii,ij->j", "ii,ij->j", &[&[7, 7], &[7, 5]]),
    ("iij,jkk->ik", "iij,jkk->ik", &[&[4, 4, 5], &[5, 6, 6]]),
    // More than two.
    ("ij,jk,kl->il", "ij,jk,kl->il", &[&[5, 7], &[7, 2], &[2, 6]]),
    ("i,i,i->i", "i,i,i->i", &[&[7], &[7], &[7]]),
    ("i,i,i", "i,i,i->", &[&[7], &[7], &[7]]),
    ("ia,ib,ic->abc", "ia,ib,ic->abc", &[&[5, 2], &[5, 3], &[5, 4]]),
    ("a,ab,b,bc,c->", "a,ab,b,bc,c->", &[&[3], &[3, 4], &[4], &[4, 5], &[5]]),
    // Whatever axes there are, broadcast.
    ("...ij,...jk", "xyij,yjk->xyik", &[&[2, 1, 4, 5], &[3, 5, 6]]),
    ("...ij,jk->...ik", "xyij,jk->xyik", &[&[2, 3, 4, 5], &[5, 6]]),
    ("...,...", "xyz,yz->xyz", &[&[2, 1, 3], &[4, 1]]),
    ("...,...->", "xyz,yz->", &[&[2, 1, 3], &[4, 1]]),
    ("i...,...i->...", "ixy,xyi->xy", &[&[3, 2, 4], &[2, 1, 3]]),
    ("i...->i", "ixy->i", &[&[3, 4, 5]]),
    ("...i->i...", "xyi->ixy", &[&[3, 4, 5]]),
    // Nothing there.
    ("ij,jk->ik", "ij,jk->ik", &[&[0, 3], &[3, 4]]),
    ("ij,jk->ik", "ij,jk->ik", &[&[3, 0], &[0, 4]]),
    ("ij,ij->i", "ij,ij->i", &[&[3, 0], &[3, 0]]),
    ("ij->j", "ij->j", &[&[0, 3]]),
    ("...i,...i->...", "xi,xi->x", &[&[1, 2], &[0, 2]]),
];

pub fn cases(suite: &mut Suite) {
    each_element!(T in numbers { exact_cases::<T>(suite) });
    each_element!(T in [f32, f64] { random_cases::<T>(suite) });
}

fn probe<T: TestElement + Number>(device: &Device) -> Result<()> {
    let x = Tensor::<T>::zeros((2, 2), device)?;
    Tensor::einsum("ij,jk->ik", &[&x, &x])?.to_vec()?;
    x.sum()?.to_vec().map(drop)
}

/// Operands of -1, 0 and 1, so that every sum is exact in every type, whatever comes first.
fn exact_cases<T: TestElement + Number>(suite: &mut Suite) {
    suite.case::<T>(FAMILY, NAME, "known equations", probe::<T>, |ctx| {
        let mut rng = ctx.rng();
        for &(equation, plain, shapes) in KNOWN {
            let shapes: Vec<Vec<usize>> = shapes.iter().map(|shape| shape.to_vec()).collect();
            for physical in [Physical::Contiguous, Physical::Transposed, Physical::Offset, Physical::Reversed] {
                exact::<T>(ctx, &mut rng, equation, plain, &shapes, physical)?;
            }
        }
        Ok(())
    });
    suite.case::<T>(FAMILY, NAME, "drawn equations", probe::<T>, |ctx| {
        let mut rng = ctx.rng();
        for _ in 0..ctx.scaled(5, 60, 600) {
            let (equation, shapes) = draw(&mut rng);
            exact::<T>(ctx, &mut rng, &equation, &equation, &shapes, Physical::Contiguous)?;
        }
        Ok(())
    });
}

fn random_cases<T: TestElement + Number>(suite: &mut Suite) {
    suite.case::<T>(FAMILY, NAME, "random", probe::<T>, |ctx| {
        let mut rng = ctx.rng();
        for &(equation, plain, shapes) in KNOWN {
            let shapes: Vec<Vec<usize>> = shapes.iter().map(|shape| shape.to_vec()).collect();
            let operands: Vec<Vec<T>> = shapes.iter().map(|shape| rng.elements(shape.iter().product(), 1.0)).collect();
            ctx.at(format_args!("{equation} of {shapes:?}"));
            let y = summed(ctx, equation, &shapes, &operands, Physical::Contiguous)?;
            let sums = definition(plain, &shapes, &operands);
            let want = |i: usize| {
                let (sum, magnitude) = sums.elements[i];
                // Each term is rounded in the sums it is in and once for each product.
                let roundings = matmul_roundings(T::DTYPE, sums.terms) + shapes.len() as f64;
                rounded::<T>(sum, sum_error::<T>(roundings, magnitude))
            };
            ctx.check(&sums.shape, &y.to_vec()?, |i, got| want(i).judge(got));
        }
        Ok(())
    });
}

/// An equation of at most three operands of at most three axes, among five labels of length 1 to 3, with repeated and lonely labels.
fn draw(rng: &mut Rng) -> (String, Vec<Vec<usize>>) {
    let lengths: Vec<usize> = (0..5).map(|_| rng.int(1, 3) as usize).collect();
    let operands: Vec<Vec<usize>> =
        (0..rng.int(1, 3)).map(|_| (0..rng.int(0, 3)).map(|_| rng.int(0, 4) as usize).collect()).collect();
    let mut output: Vec<usize> = Vec::new();
    for label in operands.iter().flatten() {
        if !output.contains(label) && rng.int(0, 1) == 1 {
            output.insert(rng.int(0, output.len() as i64) as usize, *label);
        }
    }
    let text = |labels: &Vec<usize>| labels.iter().map(|&label| char::from(b'a' + label as u8)).collect::<String>();
    let equation = format!("{}->{}", operands.iter().map(text).collect::<Vec<_>>().join(","), text(&output));
    let shapes = operands.iter().map(|labels| labels.iter().map(|&label| lengths[label]).collect()).collect();
    (equation, shapes)
}

fn summed<T: TestElement + Number>(
    ctx: &Context,
    equation: &str,
    shapes: &[Vec<usize>],
    operands: &[Vec<T>],
    physical: Physical,
) -> Result<Tensor<T>> {
    let tensors: Vec<Tensor<T>> = shapes
        .iter()
        .zip(operands)
        .map(|(shape, elements)| place(&ctx.device, shape, elements, physical))
        .collect::<Result<_>>()?;
    Tensor::einsum(equation, &tensors.iter().collect::<Vec<_>>())
}

fn exact<T: TestElement + Number>(
    ctx: &Context,
    rng: &mut Rng,
    equation: &str,
    plain: &str,
    shapes: &[Vec<usize>],
    physical: Physical,
) -> Outcome {
    ctx.at(format_args!("{equation} of {shapes:?}, {}", physical.name()));
    let mut draw = |shape: &Vec<usize>| logical(shape, &rng.small_ints::<T>(shape.iter().product(), 1), physical);
    let operands: Vec<Vec<T>> = shapes.iter().map(&mut draw).collect();
    let y = summed(ctx, equation, shapes, &operands, physical)?;
    let sums = definition(plain, shapes, &operands);
    ctx.check_that(y.shape() == sums.shape, || format!("the result has shape {:?}, not {:?}", y.shape(), sums.shape));
    let value = |v: f64| if T::FORMAT.is_some() { Value::Float(v) } else { Value::Int(v as i128) };
    let want = |i: usize| Want { any_zero: true, ..Want::exactly(value(sums.elements[i].0)) };
    ctx.check(&sums.shape, &y.to_vec()?, |i, got| want(i).judge(got));
    Ok(())
}

/// What an equation comes to.
struct Sums {
    shape: Vec<usize>,
    /// Each sum, and that of the terms' magnitudes.
    elements: Vec<(f64, f64)>,
    /// The number of terms of a sum.
    terms: usize,
}

/// The definition, for an equation that names every axis; axes of length 1 broadcast.
fn definition<T: TestElement>(plain: &str, shapes: &[Vec<usize>], operands: &[Vec<T>]) -> Sums {
    let (inputs, output) = plain.split_once("->").expect("an arrow");
    let inputs: Vec<&str> = inputs.split(',').collect();
    let mut lengths = BTreeMap::new();
    for (labels, shape) in inputs.iter().zip(shapes) {
        for (label, &length) in labels.chars().zip(shape) {
            let known = lengths.entry(label).or_insert(length);
            *known = if *known == 1 { length } else { *known };
        }
    }
    let summed: Vec<char> = lengths.keys().copied().filter(|&label| !output.contains(label)).collect();
    let shape: Vec<usize> = output.chars().map(|label| lengths[&label]).collect();
    let inner: Vec<usize> = summed.iter().map(|label| lengths[label]).collect();
    let indices = |shape: &[usize]| ndarray::indices(shape).into_iter();
    let element = |outer: &[usize]| {
        let mut sums = (0.0, 0.0);
        for index in indices(&inner) {
            let at: BTreeMap<char, usize> = output
                .chars()
                .zip(outer.iter().copied())
                .chain(summed.iter().copied().zip(index.slice().to_vec()))
                .collect();
            let factor = |i: usize| {
                let place =
                    |offset: usize, (label, &length): (char, &usize)| offset * length + at[&label].min(length - 1);
                operands[i][inputs[i].chars().zip(&shapes[i]).fold(0, place)].to_f64()
            };
            let term: f64 = (0..inputs.len()).map(factor).product();
            sums = (sums.0 + term, sums.1 + term.abs());
        }
        sums
    };
    let elements = indices(&shape).map(|index| element(index.slice())).collect();
    Sums { shape, elements, terms: inner.iter().product() }
}
