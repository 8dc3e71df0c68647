//! Tests of this backend alone; what it computes is for the conformance suite.

mod accuracy;
mod device;
mod kernels;
mod rows;

use super::Wgpu;
use crate::backend::{Backend, Buffer, Operand};
use crate::dtype::{DType, Element};
use crate::layout::Layout;

/// The first adapter. Tests that call this are ignored by default, because not every machine has one.
fn open() -> Wgpu {
    Wgpu::new(0).expect("an adapter, such as Mesa's lavapipe")
}

/// A row-major tensor.
struct Tensor {
    buffer: Buffer,
    layout: Layout,
    dtype: DType,
}

impl Tensor {
    fn empty(gpu: &Wgpu, dtype: DType, shape: &[usize]) -> Self {
        let layout = Layout::contiguous("test", shape, dtype.size()).unwrap();
        let buffer = gpu.allocate(layout.len() * dtype.size()).unwrap();
        Self { buffer, layout, dtype }
    }

    fn new<T: Element>(gpu: &Wgpu, values: &[T]) -> Self {
        let tensor = Self::empty(gpu, T::DTYPE, &[values.len()]);
        gpu.write(&tensor.buffer, bytemuck::cast_slice(values)).unwrap();
        tensor
    }

    fn operand(&self) -> Operand<'_> {
        Operand { buffer: &self.buffer, layout: &self.layout, dtype: self.dtype }
    }

    fn view<'a>(&'a self, layout: &'a Layout) -> Operand<'a> {
        Operand { buffer: &self.buffer, layout, dtype: self.dtype }
    }

    fn read<T: Element + bytemuck::AnyBitPattern>(&self, gpu: &Wgpu) -> Vec<T> {
        assert_eq!(T::DTYPE, self.dtype);
        let mut bytes = vec![0; self.layout.len() * self.dtype.size()];
        gpu.read(&self.buffer, 0..bytes.len(), &mut bytes).unwrap();
        bytemuck::pod_collect_to_vec(&bytes)
    }
}
