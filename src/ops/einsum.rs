//! Einstein summation by views, sums and matrix products.
//!
//! Every operand becomes a view in which each label is one axis: repeated labels are a diagonal (the strides add up), the axes of an
//! ellipsis are stretched to those of the others. Then, pair by pair, operands are contracted until one is left. A label of a pair
//! is in both operands and wanted later (a batch axis), in both and not wanted (it is summed: the k of a matrix product), or in
//! one of them (rows or columns; summed before, if not wanted). So a pair is one batched matrix product, whose k, rows and columns
//! are several axes taken as one; without a k it is an elementwise product, without rows and columns a dot product.

mod equation;

use std::collections::BTreeMap;

use self::equation::{Equation, Label};
use crate::dtype::Number;
use crate::error::{Error, Result};
use crate::layout::{Dims, Layout, Strides};
use crate::tensor::Tensor;

const OP: &str = "einsum";

impl<T: Number> Tensor<T> {
    /// Einstein summation: multiplies the operands elementwise along axes of the same label, and sums over every label that the
    /// result does not have.
    ///
    /// An equation names the axes of each operand by letters and, after `->`, those of the result, in its order:
    ///
    /// | equation | shapes | what it is |
    /// |---|---|---|
    /// | `"ij,jk->ik"` | `[m, k], [k, n] -> [m, n]` | matrix product |
    /// | `"bhqd,bhkd->bhqk"` | `[b, h, q, d], [b, h, k, d] -> [b, h, q, k]` | attention scores: a batched product |
    /// | `"i,j->ij"` | `[m], [n] -> [m, n]` | outer product |
    /// | `"ij->ji"`, `"ii->i"` | `[m, n] -> [n, m]`, `[n, n] -> [n]` | transpose and diagonal, both views |
    /// | `"ii"`, `"ij->j"` | `[n, n] -> []`, `[m, n] -> [n]` | trace, sums of columns |
    /// | `"...ij,...jk"` | `[.., m, k], [.., k, n] -> [.., m, n]` | matrix product over whatever batch there is |
    ///
    /// A letter has the same length wherever it stands; one that is repeated within an operand takes its diagonal. `...` stands for
    /// the axes without letters, aligned at the last and broadcast. Without `->` the result has the axes of the ellipsis,
    /// then the letters that occur once, in the order of the alphabet, capitals first. Spaces mean nothing.
    ///
    /// Each pair of operands is one matrix product, so it takes as many multiplications as the lengths of its labels multiply to,
    /// and space for its result alone, but for operands whose axes can only be taken as one in a copy. Of more than two operands the
    /// pair with the fewest multiplications comes first, whose result is rounded to `T` in between. An equation of
    /// one operand that sums nothing is a view, which shares its memory.
    ///
    /// ```
    /// use tilework::{Device, Tensor};
    /// let device = Device::cpu();
    /// let x = Tensor::from_vec(vec![1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0], (2, 3), &device)?;
    /// let gram = Tensor::einsum("ik,jk->ij", &[&x, &x])?;
    /// assert_eq!(gram.to_vec()?, [14.0, 32.0, 32.0, 77.0]);
    /// let squares = Tensor::einsum("ij,ij->i", &[&x, &x])?;
    /// assert_eq!(squares.to_vec()?, [14.0, 77.0]);
    /// let trace = Tensor::einsum("ii", &[&gram])?;
    /// assert_eq!(trace.item()?, 91.0);
    /// let weights = Tensor::ones((5, 3, 4), &device)?;
    /// assert_eq!(Tensor::einsum("...ij,...jk", &[&x, &weights])?.shape(), [5, 2, 4]);
    /// # Ok::<(), tilework::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidEquation`] for an equation that cannot be read or does not fit the operands' shapes;
    /// [`Error::DeviceMismatch`], [`Error::OutOfMemory`].
    pub fn einsum(equation: &str, operands: &[&Self]) -> Result<Self> {
        let shapes: Vec<&[usize]> = operands.iter().map(|operand| operand.shape()).collect();
        let Equation { inputs, output, lengths } = Equation::new(equation, &shapes)
            .map_err(|reason| Error::InvalidEquation { op: OP, equation: equation.to_owned(), reason })?;
        for pair in operands.windows(2) {
            pair[0].check_device(OP, pair[1])?;
        }
        let mut factors: Vec<Factor<T>> =
            operands.iter().zip(&inputs).map(|(tensor, labels)| Factor::new(tensor, labels, &lengths)).collect();
        while let Some([i, j]) = cheapest_pair(&factors, &output, &lengths) {
            // The later one first, so that the other keeps its place.
            let (y, x) = (factors.remove(j), factors.remove(i));
            let wanted = |label: Label| output.contains(&label) || factors.iter().any(|other| other.has(label));
            let product = x.contracted(y, &wanted, output.last().copied())?;
            factors.insert(i, product);
        }
        match factors.pop() {
            Some(last) => Ok(last.summed(|label| output.contains(&label))?.view(&output)),
            // `Equation` has at least one operand.
            None => Err(Error::InvalidEquation { op: OP, equation: equation.to_owned(), reason: "it is empty".into() }),
        }
    }
}

/// The two operands whose product takes the fewest multiplications, the first such pair; `None` if there are no two.
fn cheapest_pair<T: Number>(
    factors: &[Factor<T>],
    output: &[Label],
    lengths: &BTreeMap<Label, usize>,
) -> Option<[usize; 2]> {
    let cost = |[i, j]: [usize; 2]| -> f64 {
        let elsewhere = |label| {
            output.contains(&label)
                || factors.iter().enumerate().any(|(other, factor)| other != i && other != j && factor.has(label))
        };
        let (x, y) = (&factors[i], &factors[j]);
        // What only one of them has and nobody wants is summed before.
        let counts = |label| elsewhere(label) || x.has(label) && y.has(label);
        lengths
            .iter()
            .filter(|&(&label, _)| (x.has(label) || y.has(label)) && counts(label))
            .map(|(_, &n)| n as f64)
            .product()
    };
    let pairs = (0..factors.len()).flat_map(|i| (i + 1..factors.len()).map(move |j| [i, j]));
    pairs.min_by(|&a, &b| cost(a).total_cmp(&cost(b)))
}

/// A tensor whose axes have labels, each once.
struct Factor<T: Number> {
    tensor: Tensor<T>,
    labels: Vec<Label>,
}

impl<T: Number> Factor<T> {
    /// The diagonal of repeated labels, with the axes of an ellipsis stretched.
    fn new(tensor: &Tensor<T>, axes: &[Label], lengths: &BTreeMap<Label, usize>) -> Self {
        let (mut labels, mut shape, mut strides) = (Vec::new(), Dims::new(), Strides::new());
        for (axis, &label) in axes.iter().enumerate() {
            let (length, stride) = (tensor.shape()[axis], tensor.strides()[axis]);
            match labels.iter().position(|&known| known == label) {
                Some(first) => strides[first] += stride,
                None => {
                    labels.push(label);
                    let full = lengths.get(&label).copied().unwrap_or(length);
                    shape.push(full);
                    strides.push(if full == length { stride } else { 0 });
                }
            }
        }
        let layout = Layout::from_parts(shape, strides, tensor.layout().offset());
        Self { tensor: tensor.with_layout(layout), labels }
    }

    fn has(&self, label: Label) -> bool {
        self.labels.contains(&label)
    }

    /// The length and the stride of a label: 1 and 0 where there is no such axis.
    fn axis(&self, label: Label) -> (usize, isize) {
        let place = self.labels.iter().position(|&own| own == label);
        place.map_or((1, 0), |axis| (self.tensor.shape()[axis], self.tensor.strides()[axis]))
    }

    /// The elements by these labels, which include all of its own; the others have length 1.
    fn view(&self, labels: &[Label]) -> Tensor<T> {
        let (shape, strides) = labels.iter().map(|&label| self.axis(label)).unzip();
        self.tensor.with_layout(Layout::from_parts(shape, strides, self.tensor.layout().offset()))
    }

    /// The sum over the labels that are not `wanted`.
    fn summed(self, wanted: impl Fn(Label) -> bool) -> Result<Self> {
        let axes: Dims = (0..self.labels.len()).filter(|&axis| !wanted(self.labels[axis])).collect();
        if axes.is_empty() {
            return Ok(self);
        }
        let labels = self.labels.iter().copied().filter(|&label| wanted(label)).collect();
        Ok(Self { tensor: self.tensor.sum_axes(&axes)?, labels })
    }

    /// The product with `other`, summed over the labels that are not `wanted`. Its last axis is `last`, if either has it alone.
    fn contracted(self, other: Self, wanted: &impl Fn(Label) -> bool, last: Option<Label>) -> Result<Self> {
        let x = self.summed(|label| wanted(label) || other.has(label))?;
        let y = other.summed(|label| wanted(label) || x.has(label))?;
        // The columns of the right factor lie closest in memory.
        let swap = last.is_some_and(|last| x.has(last) && !y.has(last));
        let (x, y) = if swap { (y, x) } else { (x, y) };

        let (batch, mut inner): (Vec<Label>, Vec<Label>) =
            x.labels.iter().filter(|&&label| y.has(label)).partition(|&&label| wanted(label));
        let only = |of: &Self, not: &Self| -> Vec<Label> {
            let mut labels: Vec<Label> = of.labels.iter().copied().filter(|&label| !not.has(label)).collect();
            of.in_memory_order(&mut labels);
            labels
        };
        let (rows, columns) = (only(&x, &y), only(&y, &x));
        let larger = if x.tensor.len() >= y.tensor.len() { &x } else { &y };
        larger.in_memory_order(&mut inner);

        let labels = [&batch[..], &rows, &columns].concat();
        if inner.is_empty() {
            return Ok(Self { tensor: x.view(&labels).mul(y.view(&labels))?, labels });
        }
        if rows.is_empty() && columns.is_empty() {
            let all = [&batch[..], &inner].concat();
            let axes: Dims = (batch.len()..all.len()).collect();
            return Ok(Self { tensor: x.view(&all).dot_axes(&y.view(&all), &axes)?, labels });
        }
        let a = x.view(&[&batch[..], &rows, &inner].concat());
        let b = y.view(&[&batch[..], &inner, &columns].concat());
        let (count, split) = (batch.len(), [batch.len() + rows.len(), batch.len() + inner.len()]);
        let product = merged(&a, count, split[0])?.matmul(&merged(&b, count, split[1])?)?;
        let shape: Vec<usize> =
            labels.iter().map(|&label| if x.has(label) { x.axis(label).0 } else { y.axis(label).0 }).collect();
        Ok(Self { tensor: product.reshape(shape)?, labels })
    }

    /// Sorts labels by stride, the largest first, so that axes that lie one run in memory stand side by side.
    fn in_memory_order(&self, labels: &mut [Label]) {
        labels.sort_by_key(|&label| std::cmp::Reverse(self.axis(label).1.unsigned_abs()));
    }
}

/// The axes from `first` to `second`, and those from `second` on, each taken as one.
fn merged<T: Number>(x: &Tensor<T>, first: usize, second: usize) -> Result<Tensor<T>> {
    let matrix = [x.shape()[first..second].iter().product(), x.shape()[second..].iter().product()];
    let shape: Vec<usize> = x.shape()[..first].iter().copied().chain(matrix).collect();
    x.reshape(shape)
}
