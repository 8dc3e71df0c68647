//! Products with a matrix that was prepared for them.

use crate::backend::Packed;
use crate::device::Device;
use crate::dtype::Number;
use crate::error::{Error, Result};
use crate::ops::MatmulOptions;
use crate::tensor::Tensor;

/// A matrix as it was when [`Tensor::pack`] was called, prepared for being on the right of many products.
///
/// What is prepared depends on device and type; the matrix itself is kept too. On Hopper a large product of `f32` splits both factors into
/// pieces of 16 bits first: those of a packed one are there already (4 bytes an element more). Elsewhere a packed matrix is a copy, and
/// products with it are those of [`Tensor::matmul`].
pub struct PackedMatrix<T: Number> {
    matrix: Tensor<T>,
    packed: Option<Packed>,
}

impl<T: Number> PackedMatrix<T> {
    /// The axis lengths, `[k, n]`.
    pub fn shape(&self) -> &[usize] {
        self.matrix.shape()
    }

    /// Where it lives.
    pub fn device(&self) -> &Device {
        self.matrix.device()
    }
}

impl<T: Number> Tensor<T> {
    /// Prepares a copy of the matrix `[k, n]` for products that have it on the right, such as a layer's weights: what is done to the tensor
    /// later does not change it. For one on the left, `a @ b` is `(b.t() @ a.t()).t()`.
    ///
    /// It pays where the left matrix has fewer rows than this one has columns: with a quarter as many, most of the split is saved.
    ///
    /// ```
    /// use tilework::{Device, Tensor};
    /// let device = Device::best();
    /// let weights = Tensor::<f32>::eye(3, &device)?.pack()?;
    /// let x = Tensor::from_vec(vec![1.0f32, 2.0, 3.0], (1, 3), &device)?;
    /// assert_eq!(x.matmul_packed(&weights)?.to_vec()?, [1.0, 2.0, 3.0]);
    /// # Ok::<(), tilework::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a tensor that has not two axes; [`Error::OutOfMemory`].
    pub fn pack(&self) -> Result<PackedMatrix<T>> {
        let op = "pack";
        if self.ndim() != 2 {
            let reason = format!(
                "a matrix has two axes, not the shape {:?}; pack one matrix of a batch at a time",
                self.shape()
            );
            return Err(Error::InvalidArgument { op, reason });
        }
        let matrix = self.to_contiguous()?;
        let packed = if matrix.is_empty() { None } else { self.device().backend().pack(matrix.operand())? };
        Ok(PackedMatrix { matrix, packed })
    }

    /// The matrix product with a packed matrix, `[.., m, k] @ [k, n] = [.., m, n]`, as accurate as [`matmul`](Self::matmul).
    ///
    /// # Errors
    /// As [`matmul`](Self::matmul).
    pub fn matmul_packed(&self, rhs: &PackedMatrix<T>) -> Result<Self> {
        self.matmul_packed_with(rhs, MatmulOptions::default())
    }

    /// The same with scaling, bias, activation, gate and residual, as [`matmul_with`](Self::matmul_with) has them.
    ///
    /// # Errors
    /// As [`matmul_with`](Self::matmul_with).
    pub fn matmul_packed_with(&self, rhs: &PackedMatrix<T>, options: MatmulOptions<T>) -> Result<Self> {
        self.product("matmul_packed", &rhs.matrix, rhs.packed.as_ref(), options)
    }
}
