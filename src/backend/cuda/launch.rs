//! One kernel launch: grid, shared memory, cluster and the parameters by value.
//!
//! A launch costs the driver's own call and little else: no allocation, no event, no look-up by name. Parameters are one struct of
//! `cuda/include/tilework/abi.h`, copied by the driver before the call returns; kernels that read through the tensor memory
//! accelerator take their maps as `__grid_constant__` parameters before it.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::sync::MutexGuard;

use cudarc::driver::sys::{self, CUlaunchAttributeID as Attribute};
use smallvec::SmallVec;

use super::Cuda;
use super::ahead::{Access, Tail};
use super::kernels::Kernel;
use super::tensor_map::TensorMap;
use crate::error::Result;

/// Blocks of a cluster that every GPU with clusters can run.
const PORTABLE_CLUSTER: u32 = 8;

/// What to launch and how. The parameters come with the call.
pub(crate) struct Launch {
    kernel: &'static Kernel,
    grid: [u32; 3],
    block: [u32; 3],
    shared: u32,
    cluster: Option<[u32; 3]>,
    dependent: bool,
}

impl Launch {
    /// `grid` blocks of `block` threads, in x, y and z.
    pub fn new(kernel: &'static Kernel, grid: [u32; 3], block: [u32; 3]) -> Self {
        Self { kernel, grid, block, shared: 0, cluster: None, dependent: false }
    }

    /// A one-dimensional grid of one-dimensional blocks.
    pub fn linear(kernel: &'static Kernel, blocks: u32, threads: u32) -> Self {
        Self::new(kernel, [blocks, 1, 1], [threads, 1, 1])
    }

    /// Bytes of dynamic shared memory for each block.
    pub fn shared(self, bytes: u32) -> Self {
        Self { shared: bytes, ..self }
    }

    /// Blocks of a cluster, which share their shared memory (compute capability 9.0 and later). They must divide the grid.
    pub fn cluster(self, blocks: [u32; 3]) -> Self {
        Self { cluster: Some(blocks), ..self }
    }

    /// Programmatic dependent launch: blocks may start before the previous kernel of the stream ends. Every block must execute
    /// `griddepcontrol.wait` before it writes to memory and, unless it is ahead of all, before it executes
    /// `griddepcontrol.launch_dependents` and before it reads what it is not ahead of (`cuda/include/tilework/dependent.h`; compute
    /// capability 9.0 and later).
    pub fn dependent(self) -> Self {
        Self { dependent: true, ..self }
    }
}

/// Parameters that tell a kernel what it is ahead of (`ahead.rs`), as bits `TW_AHEAD_*`.
pub(crate) trait TellAhead: Copy {
    fn tell_ahead(&mut self, ahead: u32);
}

impl Cuda {
    /// Enqueues a kernel whose only parameter is `parameters`.
    ///
    /// # Safety
    /// The entry point takes exactly a `P` by value, and what it does with it stays inside buffers that live until the stream has
    /// passed the launch (buffers of this device's pool do, even when dropped on return).
    #[inline]
    pub unsafe fn launch<P: Copy>(&self, op: &'static str, launch: &Launch, parameters: &P) -> Result<()> {
        let mut list = [std::ptr::from_ref(parameters).cast_mut().cast()];
        let _tail = self.unknown();
        // SAFETY: passed on to the caller.
        unsafe { self.enqueue(op, launch, &mut list) }
    }

    /// As [`Cuda::launch`], for a kernel that takes tensor maps (`const __grid_constant__ CUtensorMap`) before its parameters.
    ///
    /// # Safety
    /// As for [`Cuda::launch`]; the maps too describe live buffers.
    pub unsafe fn launch_with_maps<P: Copy>(
        &self,
        op: &'static str,
        launch: &Launch,
        maps: &[&TensorMap],
        parameters: &P,
    ) -> Result<()> {
        let mut list = after_maps(maps, parameters);
        let _tail = self.unknown();
        // SAFETY: passed on to the caller.
        unsafe { self.enqueue(op, launch, &mut list) }
    }

    /// As [`Cuda::launch_with_maps`], for a kernel of programmatic dependent launch that may go ahead of those that write none of what
    /// it reads.
    ///
    /// # Safety
    /// As for [`Cuda::launch_with_maps`]; and before it has waited, the kernel reads no memory that another one writes but what `access`
    /// says and it is told to be ahead of, and writes none.
    pub unsafe fn launch_ahead<P: TellAhead>(
        &self,
        op: &'static str,
        launch: &Launch,
        maps: &[&TensorMap],
        mut parameters: P,
        access: &Access,
    ) -> Result<()> {
        debug_assert!(launch.dependent, "only such a kernel waits by itself");
        let mut tail = self.ahead.tail();
        parameters.tell_ahead(tail.follow(access, self.context().capture(op)?));
        let mut list = after_maps(maps, &parameters);
        // SAFETY: passed on to the caller.
        let enqueued = unsafe { self.enqueue(op, launch, &mut list) };
        if enqueued.is_err() {
            tail.forget();
        }
        enqueued
    }

    /// The end of the stream, before a kernel that says nothing of itself.
    fn unknown(&self) -> MutexGuard<'_, Tail> {
        let mut tail = self.ahead.tail();
        tail.forget();
        tail
    }

    /// # Safety
    /// `parameters` point to the kernel's parameters in order; the rest as for [`Cuda::launch`].
    unsafe fn enqueue(&self, op: &'static str, launch: &Launch, parameters: &mut [*mut c_void]) -> Result<()> {
        let context = self.context();
        context.make_current(Some(op))?;
        launch.kernel.allow_shared(context, op, launch.shared)?;
        let mut attributes = [const { MaybeUninit::<sys::CUlaunchAttribute>::uninit() }; 2];
        let mut count = 0;
        if let Some([x, y, z]) = launch.cluster {
            if x * y * z > PORTABLE_CLUSTER {
                launch.kernel.allow_large_cluster(context, op)?;
            }
            let value =
                sys::CUlaunchAttributeValue { clusterDim: sys::CUlaunchAttributeValue_union__bindgen_ty_1 { x, y, z } };
            attributes[count].write(attribute(Attribute::CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION, value));
            count += 1;
        }
        if launch.dependent {
            let value = sys::CUlaunchAttributeValue { programmaticStreamSerializationAllowed: 1 };
            attributes[count].write(attribute(Attribute::CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION, value));
            count += 1;
        }
        let config = sys::CUlaunchConfig {
            gridDimX: launch.grid[0],
            gridDimY: launch.grid[1],
            gridDimZ: launch.grid[2],
            blockDimX: launch.block[0],
            blockDimY: launch.block[1],
            blockDimZ: launch.block[2],
            sharedMemBytes: launch.shared,
            hStream: context.stream,
            attrs: attributes.as_mut_ptr().cast(),
            numAttrs: count as u32,
        };
        // SAFETY: the kernel and the stream live; the first `count` attributes were written; the parameters are as the caller vouches.
        let code = unsafe {
            sys::cuLaunchKernelEx(&config, launch.kernel.function(), parameters.as_mut_ptr(), std::ptr::null_mut())
        };
        context.check(Some(op), code)?;
        if context.synchronous {
            context.synchronize(Some(op))?;
        }
        Ok(())
    }
}

/// What a kernel takes that has tensor maps before its parameters.
fn after_maps<P>(maps: &[&TensorMap], parameters: &P) -> SmallVec<[*mut c_void; 8]> {
    let parameters = std::ptr::from_ref(parameters).cast_mut().cast();
    maps.iter().map(|map| map.as_parameter()).chain([parameters]).collect()
}

fn attribute(id: Attribute, value: sys::CUlaunchAttributeValue) -> sys::CUlaunchAttribute {
    sys::CUlaunchAttribute { id, pad: [0; 4], value }
}
