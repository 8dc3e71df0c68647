//! Tensors on NVIDIA GPUs, on Metal, Vulkan and DX12, and on the CPU, with one conformance suite for all.
#![deny(missing_docs)]
