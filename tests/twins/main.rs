//! Sweeps of device functions, compiled for the host from the headers that nvcc compiles for the GPU.

mod cast;
mod dtype;
mod exponential;
mod fp8;
mod matmul;
mod normal;
mod philox;
mod scalar;
mod split;
