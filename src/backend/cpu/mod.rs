//! The cpu backend.

use std::ops::Range;

use super::{Backend, DeviceInfo, Matmul, Operand, Source, op};
use crate::dtype::Scalar;
use crate::error::Result;
use crate::memory::MemoryStats;

/// Memory of this backend.
pub(crate) struct Buffer;

impl Buffer {
    pub fn try_into_vec<T>(self) -> std::result::Result<Vec<T>, Self> {
        Err(self)
    }
}

/// The device.
pub(crate) struct Cpu;

impl Cpu {
    pub fn new() -> Self {
        Self
    }
}

impl Backend for Cpu {
    fn info(&self) -> &DeviceInfo {
        unimplemented!()
    }
    fn allocate(&self, bytes: usize) -> Result<super::Buffer> {
        unimplemented!("{bytes}")
    }
    fn write(&self, _: &super::Buffer, _: &[u8]) -> Result<()> {
        unimplemented!()
    }
    fn read(&self, _: &super::Buffer, _: Range<usize>, _: &mut [u8]) -> Result<()> {
        unimplemented!()
    }
    fn synchronize(&self) -> Result<()> {
        unimplemented!()
    }
    fn memory_stats(&self) -> MemoryStats {
        unimplemented!()
    }
    fn set_memory_limit(&self, _: Option<usize>) {
        unimplemented!()
    }
    fn trim_memory(&self) -> usize {
        unimplemented!()
    }
    fn fill(&self, _: Scalar, _: Operand) -> Result<()> {
        unimplemented!()
    }
    fn copy(&self, _: Operand, _: Operand) -> Result<()> {
        unimplemented!()
    }
    fn unary(&self, _: op::Unary, _: [Scalar; 2], _: Operand, _: Operand) -> Result<()> {
        unimplemented!()
    }
    fn binary(&self, _: op::Binary, _: Source, _: Source, _: Operand) -> Result<()> {
        unimplemented!()
    }
    fn compare(&self, _: op::Compare, _: Source, _: Source, _: Operand) -> Result<()> {
        unimplemented!()
    }
    fn select(&self, _: Operand, _: Source, _: Source, _: Operand) -> Result<()> {
        unimplemented!()
    }
    fn affine(&self, _: Operand, _: Source, _: Source, _: Operand) -> Result<()> {
        unimplemented!()
    }
    fn reduce(&self, _: op::Reduce, _: Operand, _: Option<Operand>, _: &[usize], _: Operand) -> Result<()> {
        unimplemented!()
    }
    fn softmax(&self, _: op::Softmax, _: Operand, _: Operand) -> Result<()> {
        unimplemented!()
    }
    fn norm(&self, _: op::Norm, _: Operand, _: Option<Operand>, _: Option<Operand>, _: Operand) -> Result<()> {
        unimplemented!()
    }
    fn matmul(&self, _: Matmul, _: Operand) -> Result<()> {
        unimplemented!()
    }
    fn random(&self, _: op::Random, _: u64, _: Operand) -> Result<()> {
        unimplemented!()
    }
}
