//! Random tensors, counter-based: element `i` is a pure function of the key and `i`, with the same bits on every backend.

use ndarray::{Dimension, IntoDimension};

use crate::backend::op::Random;
use crate::device::Device;
use crate::dtype::Float;
use crate::error::Result;
use crate::tensor::Tensor;

impl<T: Float> Tensor<T> {
    /// Uniform random numbers in `[0, 1)`, all multiples of the type's spacing below 1 (2^-24 for f32, 2^-53 for f64).
    ///
    /// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), keyed by `key`: the same key gives
    /// the same bits on every device, other keys give independent streams.
    ///
    /// # Errors
    /// [`Error::ShapeOverflow`](crate::Error::ShapeOverflow), [`Error::Unsupported`](crate::Error::Unsupported),
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn rand(shape: impl IntoDimension, key: u64, device: &Device) -> Result<Self> {
        draw(Random::Uniform, shape.into_dimension().slice(), key, device)
    }

    /// Standard normal random numbers, keyed as [`rand`](Self::rand); the same bits on every device.
    ///
    /// # Errors
    /// As [`rand`](Self::rand).
    pub fn randn(shape: impl IntoDimension, key: u64, device: &Device) -> Result<Self> {
        draw(Random::Normal, shape.into_dimension().slice(), key, device)
    }
}

fn draw<T: Float>(op: Random, shape: &[usize], key: u64, device: &Device) -> Result<Tensor<T>> {
    let out = Tensor::uninit(op.name(), shape, device)?;
    if !out.is_empty() {
        device.backend().random(op, key, out.operand())?;
    }
    Ok(out)
}
