//! Tensors on NVIDIA GPUs, on Metal, Vulkan and DX12, and on the CPU, with one conformance suite for all.
#![deny(missing_docs)]

mod backend;
mod device;
mod dtype;
mod error;
mod layout;
mod memory;
mod ops;
mod tensor;

pub use backend::{Accumulation, Activation, BackendKind, DeviceInfo, Precision};
pub use device::Device;
pub use dtype::{DType, Element, F8E4M3, F8E5M2, Float, Float8, Number, Signed};
pub use error::{Error, Result};
pub use memory::MemoryStats;
pub use ops::{Argument, MatmulOptions, PackedMatrix, ScaledMatmulOptions};
pub use tensor::Tensor;
