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

pub use backend::{Activation, BackendKind, DeviceInfo, Precision};
pub use device::Device;
pub use dtype::{DType, Element, Float, Number, Signed};
pub use error::{Error, Result};
pub use memory::MemoryStats;
pub use ops::{Argument, MatmulOptions};
pub use tensor::Tensor;
