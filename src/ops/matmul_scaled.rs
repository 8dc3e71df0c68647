//! Products of matrices of 8-bit floats, with scales.

use ndarray::{Axis, SliceInfoElem};

use crate::backend::{Accumulation, ScaledMatmul};
use crate::dtype::{Element, Float, Float8};
use crate::error::{Error, Result};
use crate::layout::{Dims, Layout, broadcast_shape};
use crate::tensor::Tensor;

const OP: &str = "matmul_scaled";

/// The side of a block that has a scale of its own.
const BLOCK: usize = 128;

/// What [`Tensor::matmul_scaled`] multiplies its factors by, and how it adds up.
///
/// The scales of a factor are one number (a tensor with one element), or one for each of its blocks:
///
/// | | shape | one for each |
/// |---|---|---|
/// | `a_scales` | `[.., m, k / 128]` | row, and 128 of k |
/// | `b_scales` | `[.., k / 128, n / 128]` | 128 of k, and 128 columns |
///
/// where a quotient is rounded up: the last block may be smaller. Leading axes broadcast to those of the product. These are the scales
/// that training and inference in fp8 use: by tensor, or, as DeepSeek-V3 has it, `1 x 128` for activations and `128 x 128` for weights.
#[derive(Clone, Copy, Default)]
pub struct ScaledMatmulOptions<'a> {
    /// Multiplies the left factor; 1 unless given.
    pub a_scales: Option<&'a Tensor<f32>>,
    /// Multiplies the right factor; 1 unless given.
    pub b_scales: Option<&'a Tensor<f32>>,
    /// How the products may be added up.
    pub accumulation: Accumulation,
}

impl<A: Float8> Tensor<A> {
    /// The matrix product of 8-bit factors, `[.., m, k] @ [.., k, n] = [.., m, n]`, with scales; leading axes broadcast:
    ///
    /// ```text
    /// out[i, j] = sum over l of (a[i, l] * a_scales[i, l / 128]) * (b[l, j] * b_scales[l / 128, j / 128])
    /// ```
    ///
    /// Products are exact and sums are `f32`, rounded to `T` once; on Hopper's tensor cores with the reservation of [`Accumulation`].
    /// A product of two scales must be an `f32` too. The factors may be of both 8-bit types, and may have any strides: what does not
    /// run along k in memory, or not from multiples of 16 bytes, is copied to where it does first (into memory from the pool), because
    /// the tensor cores read nothing else. A row-major `a` and a transposed row-major `b` are read as they lie.
    ///
    /// A device without tensor cores for these types (CUDA before compute capability 9.0, the CPU, wgpu) converts the factors to `f32`
    /// and multiplies those.
    ///
    /// ```
    /// use tilework::{Device, F8E4M3, ScaledMatmulOptions, Tensor};
    /// let device = Device::best();
    /// let (x, w) = (Tensor::<f32>::randn([64, 256], 1, &device)?, Tensor::<f32>::randn([32, 256], 2, &device)?);
    /// // The largest number of the format is 448.
    /// let scale = |x: &Tensor<f32>| x.abs()?.max()?.mul(1.0 / 448.0);
    /// let (x_scale, w_scale) = (scale(&x)?, scale(&w)?);
    /// let a = x.div(&x_scale)?.cast::<F8E4M3>()?;
    /// let b = w.div(&w_scale)?.cast::<F8E4M3>()?.t();
    /// let scales = ScaledMatmulOptions { a_scales: Some(&x_scale), b_scales: Some(&w_scale), ..Default::default() };
    /// let y: Tensor<f32> = a.matmul_scaled(&b, scales)?;
    /// let error = y.sub(&x.matmul(&w.t())?)?.abs()?.max()?.item()?;
    /// assert!(error < 3.0, "{error}");
    /// # Ok::<(), tilework::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] for factors that do not fit or are no matrices, and for scales of another shape;
    /// [`Error::DeviceMismatch`], [`Error::OutOfMemory`].
    pub fn matmul_scaled<B: Float8, T: Float>(
        &self,
        rhs: &Tensor<B>,
        options: ScaledMatmulOptions,
    ) -> Result<Tensor<T>> {
        let mismatch =
            |reason| Error::ShapeMismatch { op: OP, lhs: self.shape().to_vec(), rhs: rhs.shape().to_vec(), reason };
        self.check_device(OP, rhs)?;
        if self.ndim() < 2 || rhs.ndim() < 2 {
            return Err(mismatch("both must be matrices; give a vector an axis of length 1"));
        }
        let (a_batch, [m, k]) = matrix(self.shape());
        let (b_batch, [depth, n]) = matrix(rhs.shape());
        if k != depth {
            return Err(mismatch("the last axis of the left must be as long as the last but one of the right"));
        }
        let batch = broadcast_shape(OP, a_batch, b_batch)?;
        let with_batch = |matrix: [usize; 2]| batch.iter().copied().chain(matrix).collect::<Dims>();
        let blocks = |length: usize| length.div_ceil(BLOCK);
        for (scales, shape) in [(options.a_scales, [m, blocks(k)]), (options.b_scales, [blocks(k), blocks(n)])] {
            if let Some(scales) = scales {
                self.check_device(OP, scales)?;
                check_scales(scales, &batch, shape)?;
            }
        }
        let out = Tensor::<T>::uninit(OP, &with_batch([m, n]), self.device())?;
        if out.is_empty() {
            return Ok(out);
        }
        if k > 0 {
            let a = self.layout().broadcast(OP, &with_batch([m, k]))?;
            let b = rhs.layout().broadcast(OP, &with_batch([k, n]))?;
            let a_scales = scale_layout(options.a_scales, &with_batch([m, blocks(k)]))?;
            let b_scales = scale_layout(options.b_scales, &with_batch([blocks(k), blocks(n)]))?;
            let product = ScaledMatmul {
                a: self.operand_as(&a),
                b: rhs.operand_as(&b),
                a_scales: a_scales.as_ref().map(|(scales, layout)| scales.operand_as(layout)),
                b_scales: b_scales.as_ref().map(|(scales, layout)| scales.operand_as(layout)),
                accumulation: options.accumulation,
            };
            if self.device().backend().matmul_scaled(product, out.operand())? {
                return Ok(out);
            }
        }
        composed(self, rhs, options)?.cast()
    }
}

/// The batch axes of a shape of rank 2 or more, and its matrix.
fn matrix(shape: &[usize]) -> (&[usize], [usize; 2]) {
    let (batch, matrix) = shape.split_at(shape.len() - 2);
    (batch, [matrix[0], matrix[1]])
}

/// Refuses scales that are neither one number nor one for each block of a factor.
fn check_scales(scales: &Tensor<f32>, batch: &[usize], matrix: [usize; 2]) -> Result<()> {
    let wanted: Vec<usize> = batch.iter().copied().chain(matrix).collect();
    let fits = scales.shape().ends_with(&matrix) && scales.layout().broadcast(OP, &wanted).is_ok();
    if scales.len() == 1 || fits {
        return Ok(());
    }
    let reason = "scales are one number, or one for each 128 of k of a row of the left, or of 128 columns of the right";
    Err(Error::ShapeMismatch { op: OP, lhs: scales.shape().to_vec(), rhs: wanted, reason })
}

/// The scales of all blocks, of which one may stand for all.
fn scale_layout<'a>(scales: Option<&'a Tensor<f32>>, shape: &[usize]) -> Result<Option<(&'a Tensor<f32>, Layout)>> {
    let Some(scales) = scales else { return Ok(None) };
    let layout = if scales.len() == 1 { scales.reshape(())?.layout().clone() } else { scales.layout().clone() };
    Ok(Some((scales, layout.broadcast(OP, shape)?)))
}

/// The product in `f32`: of the factors times the scales of their blocks, and then times those that are for all.
fn composed<A: Float8, B: Float8>(a: &Tensor<A>, b: &Tensor<B>, options: ScaledMatmulOptions) -> Result<Tensor<f32>> {
    let a_factor = by_blocks(a, options.a_scales, [1, BLOCK])?;
    let b_factor = by_blocks(b, options.b_scales, [BLOCK, BLOCK])?;
    let mut product = a_factor.matmul(&b_factor)?;
    for scales in [options.a_scales, options.b_scales].into_iter().flatten() {
        if scales.len() == 1 {
            product.mul_assign(&scales.reshape(())?)?;
        }
    }
    Ok(product)
}

/// A factor in `f32`, times its scales where there is one for each block.
fn by_blocks<X: Element>(x: &Tensor<X>, scales: Option<&Tensor<f32>>, block: [usize; 2]) -> Result<Tensor<f32>> {
    let x = x.cast::<f32>()?;
    match scales.filter(|scales| scales.len() != 1) {
        Some(scales) => x.mul(&repeated(scales, block, matrix(x.shape()).1)?),
        None => Ok(x),
    }
}

/// Each scale as often as its block has elements, for a matrix of `shape`.
fn repeated(scales: &Tensor<f32>, [rows, columns]: [usize; 2], shape: [usize; 2]) -> Result<Tensor<f32>> {
    let (batch, [down, across]) = matrix(scales.shape());
    let axes = |matrix: &[usize]| batch.iter().chain(matrix).copied().collect::<Vec<usize>>();
    let each = scales.insert_axis(Axis(batch.len() + 1))?.insert_axis(Axis(batch.len() + 3))?;
    let all = each.broadcast(axes(&[down, rows, across, columns]))?.reshape(axes(&[down * rows, across * columns]))?;
    let part = |end: Option<usize>| SliceInfoElem::Slice { start: 0, end: end.map(|end| end as isize), step: 1 };
    let inside: Vec<_> = batch.iter().map(|_| None).chain(shape.map(Some)).map(part).collect();
    all.slice(inside)
}
