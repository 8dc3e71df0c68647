//! Matrix products, batched, with a fused epilogue.

use crate::backend::{Activation, Matmul};
use crate::dtype::Number;
use crate::error::{Error, Result};
use crate::layout::{Dims, Layout, broadcast_shape};
use crate::tensor::Tensor;

/// What [`Tensor::matmul_with`] does to the product before it is written: `activation(a @ b + bias) + residual`.
///
/// ```
/// use tilework::{Activation, Device, MatmulOptions, Tensor};
/// let device = Device::cpu();
/// let x = Tensor::from_vec(vec![1.0f32, -1.0], (1, 2), &device)?;
/// let w = Tensor::<f32>::eye(2, &device)?;
/// let bias = Tensor::from_vec(vec![0.5f32, 0.5], 2, &device)?;
/// let options = MatmulOptions { bias: Some(&bias), activation: Activation::Relu, ..Default::default() };
/// assert_eq!(x.matmul_with(&w, options)?.to_vec()?, [1.5, 0.0]);
/// # Ok::<(), tilework::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct MatmulOptions<'a, T: Number> {
    /// Added to the product; broadcasts to its shape (`[n]` is a bias by column).
    pub bias: Option<&'a Tensor<T>>,
    /// Applied after the bias; anything but `None` is for floating-point types.
    pub activation: Activation,
    /// Added last; broadcasts to the product's shape.
    pub residual: Option<&'a Tensor<T>>,
}

impl<T: Number> Default for MatmulOptions<'_, T> {
    fn default() -> Self {
        Self { bias: None, activation: Activation::None, residual: None }
    }
}

impl<T: Number> Tensor<T> {
    /// The matrix product over the last two axes, `[.., m, k] @ [.., k, n] = [.., m, n]`; leading axes broadcast.
    ///
    /// A vector on the left is a row, on the right a column, and its axis disappears from the result. f32 is computed in f32,
    /// half types accumulate in f32, integers wrap. Operands may have any strides.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`], [`Error::DeviceMismatch`], [`Error::OutOfMemory`].
    pub fn matmul(&self, rhs: &Self) -> Result<Self> {
        self.matmul_with(rhs, MatmulOptions::default())
    }

    /// [`matmul`](Self::matmul) with bias, activation and residual in the same pass.
    ///
    /// # Errors
    /// As [`matmul`](Self::matmul); [`Error::ShapeMismatch`] for a bias or residual that does not broadcast to the product;
    /// [`Error::Unsupported`] for an activation of integers.
    pub fn matmul_with(&self, rhs: &Self, options: MatmulOptions<T>) -> Result<Self> {
        let op = "matmul";
        let mismatch =
            |reason| Error::ShapeMismatch { op, lhs: self.shape().to_vec(), rhs: rhs.shape().to_vec(), reason };
        self.check_device(op, rhs)?;
        if options.activation != Activation::None && !T::DTYPE.is_float() {
            let device = self.device().to_string();
            let reason = "activations are for floating-point types".into();
            return Err(Error::Unsupported { op, dtype: T::DTYPE, device, reason });
        }
        if self.ndim() == 0 || rhs.ndim() == 0 {
            return Err(mismatch("a scalar is no matrix; multiply by it with `mul`"));
        }
        // A vector becomes a matrix with one row or column.
        let a = if self.ndim() == 1 { self.layout().insert_axis(op, 0)? } else { self.layout().clone() };
        let b = if rhs.ndim() == 1 { rhs.layout().insert_axis(op, 1)? } else { rhs.layout().clone() };
        let (a_batch, a_matrix) = a.shape().split_at(a.rank() - 2);
        let (b_batch, b_matrix) = b.shape().split_at(b.rank() - 2);
        if a_matrix[1] != b_matrix[0] {
            return Err(mismatch("the last axis of the left must be as long as the last but one of the right"));
        }
        let batch = broadcast_shape(op, a_batch, b_batch)?;
        let with_batch = |matrix: [usize; 2]| batch.iter().copied().chain(matrix).collect::<Dims>();
        let full = with_batch([a_matrix[0], b_matrix[1]]);
        let (a, b) = (
            a.broadcast(op, &with_batch([a_matrix[0], a_matrix[1]]))?,
            b.broadcast(op, &with_batch([b_matrix[0], b_matrix[1]]))?,
        );
        // The result's own shape: without the axes that vectors were given.
        let drop_row = self.ndim() == 1;
        let drop_column = rhs.ndim() == 1;
        let shape: Dims = (0..full.len())
            .filter(|&axis| !(drop_row && axis + 2 == full.len() || drop_column && axis + 1 == full.len()))
            .map(|axis| full[axis])
            .collect();
        let out = Self::uninit(op, &shape, self.device())?;
        let epilogue =
            |term: Option<&Self>| term.map(|t| full_term(op, self, t, &shape, drop_row, drop_column)).transpose();
        let (bias, residual) = (epilogue(options.bias)?, epilogue(options.residual)?);
        if !out.is_empty() {
            let layout = Layout::contiguous(op, &full, T::DTYPE.size())?;
            let product = Matmul {
                a: self.operand_as(&a),
                b: rhs.operand_as(&b),
                bias: options.bias.zip(bias.as_ref()).map(|(t, l)| t.operand_as(l)),
                activation: options.activation,
                residual: options.residual.zip(residual.as_ref()).map(|(t, l)| t.operand_as(l)),
            };
            self.device().backend().matmul(product, out.operand_as(&layout))?;
        }
        Ok(out)
    }

    /// ndarray's `dot`: the sum of products of two vectors as a rank-0 tensor, else [`matmul`](Self::matmul).
    ///
    /// # Errors
    /// As [`matmul`](Self::matmul).
    pub fn dot(&self, rhs: &Self) -> Result<Self> {
        if self.ndim() != 1 || rhs.ndim() != 1 {
            return self.matmul(rhs);
        }
        self.check_device("dot", rhs)?;
        if self.shape() != rhs.shape() {
            let reason = "the vectors must have the same length";
            return Err(Error::ShapeMismatch {
                op: "dot",
                lhs: self.shape().to_vec(),
                rhs: rhs.shape().to_vec(),
                reason,
            });
        }
        self.inner_product(rhs)
    }
}

/// The layout of an epilogue term, broadcast to the result's shape and given the axes that vectors lack.
fn full_term<T: Number>(
    op: &'static str,
    product: &Tensor<T>,
    term: &Tensor<T>,
    shape: &[usize],
    drop_row: bool,
    drop_column: bool,
) -> Result<Layout> {
    product.check_device(op, term)?;
    let mut layout = term.layout().broadcast(op, shape)?;
    if drop_column {
        layout = layout.insert_axis(op, layout.rank())?;
    }
    if drop_row {
        layout = layout.insert_axis(op, layout.rank() - 1)?;
    }
    Ok(layout)
}
