//! Matrix products, batched, with a fused epilogue.

use crate::backend::{Activation, Matmul, Packed, Precision};
use crate::dtype::{Number, Scalar};
use crate::error::{Error, Result};
use crate::layout::{Dims, Layout, broadcast_shape};
use crate::tensor::Tensor;

/// What [`Tensor::matmul_with`] does to the product before it is written:
///
/// ```text
/// activation(alpha * (a @ b) + bias) * multiply + beta * c
/// ```
///
/// All of it happens on the accumulated sums (`f32` for half types), which are rounded to `T` once. The terms that are not given drop
/// out, so that the formula is what other libraries have under several names:
///
/// | wanted | options |
/// |---|---|
/// | BLAS `alpha * a @ b + beta * c` | `alpha`, `beta`, `c` |
/// | a layer, `gelu(x @ w + bias)` | `bias`, `activation` |
/// | a layer with a residual, `gelu(x @ w + bias) + x` | and `c` |
/// | a gated layer, `silu(x @ g) * (x @ u)` | `activation`, `multiply: Some(&x.matmul(&u)?)` |
/// | scales by row or column | `multiply` of shape `[m, 1]` or `[n]` |
///
/// The operands broadcast to the product's shape and may have any strides. A factor of zero means that what it multiplies is not
/// read, as in BLAS: with `beta` 0 a NaN in `c` does not show, with `alpha` 0 none in `a` and `b`.
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
    /// Multiplies the product; 1 unless given. For integers it must be a whole number.
    pub alpha: f64,
    /// Added to the scaled product (`[n]` is a bias by column, `[m, 1]` one by row).
    pub bias: Option<&'a Tensor<T>>,
    /// Applied after the bias; anything but `None` is for floating-point types.
    pub activation: Activation,
    /// Multiplies what the activation gave.
    pub multiply: Option<&'a Tensor<T>>,
    /// Multiplies `c`; 1 unless given, which makes `c` a residual. For integers it must be a whole number.
    pub beta: f64,
    /// Added last.
    pub c: Option<&'a Tensor<T>>,
    /// How a product of `f32` may be computed.
    pub precision: Precision,
}

impl<T: Number> Default for MatmulOptions<'_, T> {
    fn default() -> Self {
        Self {
            alpha: 1.0,
            bias: None,
            activation: Activation::None,
            multiply: None,
            beta: 1.0,
            c: None,
            precision: Precision::default(),
        }
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

    /// [`matmul`](Self::matmul) with scaling, bias, activation, gate and residual in the same pass; see [`MatmulOptions`].
    ///
    /// # Errors
    /// As [`matmul`](Self::matmul); [`Error::ShapeMismatch`] for an operand that does not broadcast to the product;
    /// [`Error::Unsupported`] for an activation of integers; [`Error::InvalidArgument`] for a fractional `alpha` or `beta` of integers.
    pub fn matmul_with(&self, rhs: &Self, options: MatmulOptions<T>) -> Result<Self> {
        self.product("matmul", rhs, None, options)
    }

    /// [`matmul_with`](Self::matmul_with) by the name `op`; `packed` is another form of `rhs`, which then is a matrix.
    pub(super) fn product(
        &self,
        op: &'static str,
        rhs: &Self,
        packed: Option<&Packed>,
        options: MatmulOptions<T>,
    ) -> Result<Self> {
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
        let (alpha, beta) = (factor::<T>(op, "alpha", options.alpha)?, factor::<T>(op, "beta", options.beta)?);
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
        let (mut a, mut b) = (
            a.broadcast(op, &with_batch([a_matrix[0], a_matrix[1]]))?,
            b.broadcast(op, &with_batch([b_matrix[0], b_matrix[1]]))?,
        );
        if options.alpha == 0.0 {
            // Of depth 0, the product is zero and nothing is read.
            a = a.narrow(full.len() - 1, 0, 0);
            b = b.narrow(full.len() - 2, 0, 0);
        }
        // The result's own shape: without the axes that vectors were given.
        let drop_row = self.ndim() == 1;
        let drop_column = rhs.ndim() == 1;
        let shape: Dims = (0..full.len())
            .filter(|&axis| !(drop_row && axis + 2 == full.len() || drop_column && axis + 1 == full.len()))
            .map(|axis| full[axis])
            .collect();
        let out = Self::uninit(op, &shape, self.device())?;
        let mut terms = [const { None }; 3];
        for (term, tensor) in terms.iter_mut().zip([options.bias, options.multiply, options.c]) {
            if let Some(tensor) = tensor {
                self.check_device(op, tensor)?;
                *term = Some((tensor, full_layout(op, tensor.layout(), &shape, drop_row, drop_column)?));
            }
        }
        let [bias, multiply, c] = terms.each_ref().map(|term| term.as_ref().map(|(t, layout)| t.operand_as(layout)));
        if !out.is_empty() {
            let layout = Layout::contiguous(op, &full, T::DTYPE.size())?;
            let product = Matmul {
                a: self.operand_as(&a),
                b: rhs.operand_as(&b),
                packed: packed.filter(|_| options.alpha != 0.0),
                alpha,
                bias,
                activation: options.activation,
                multiply,
                beta,
                c: c.filter(|_| options.beta != 0.0),
                precision: options.precision,
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

/// `alpha` or `beta` as a scalar of `T`'s kind.
fn factor<T: Number>(op: &'static str, name: &str, value: f64) -> Result<Scalar> {
    if T::DTYPE.is_float() {
        Ok(Scalar::Float(value))
    } else if value == (value as i64) as f64 {
        Ok(Scalar::Int(value as i64))
    } else {
        let reason = format!("{name} is {value}, and a factor of integers must be a whole number");
        Err(Error::InvalidArgument { op, reason })
    }
}

/// The layout of an epilogue term, broadcast to the result's shape and given the axes that vectors lack.
fn full_layout(op: &'static str, term: &Layout, shape: &[usize], drop_row: bool, drop_column: bool) -> Result<Layout> {
    let mut layout = term.broadcast(op, shape)?;
    if drop_column {
        layout = layout.insert_axis(op, layout.rank())?;
    }
    if drop_row {
        layout = layout.insert_axis(op, layout.rank() - 1)?;
    }
    Ok(layout)
}
