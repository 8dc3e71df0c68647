//! Kernels by small numbers: found by name once, then one atomic load per launch.
//!
//! A family declares its entry points as a static [`KernelSet`]. The handles are the driver's context-free ones (`CUkernel`),
//! good for every GPU of the process, and a module is loaded when the first of its kernels is asked for.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use cudarc::driver::sys::{self, CUfunction_attribute as Attribute, CUkern_st};

use super::Cuda;
use super::context::Context;
use super::modules;
use crate::error::{Error, Result};

/// Dynamic shared memory that a kernel may use without being told, in bytes.
const DEFAULT_SHARED: u32 = 48 << 10;

/// An entry point.
pub(crate) struct Kernel {
    handle: AtomicPtr<CUkern_st>,
    /// A bit for each GPU on which the limit of dynamic shared memory was raised.
    raised: AtomicU64,
}

impl Kernel {
    const fn new() -> Self {
        Self { handle: AtomicPtr::new(null_mut()), raised: AtomicU64::new(0) }
    }

    /// The handle, in the type that launches take.
    #[inline]
    pub(super) fn function(&self) -> sys::CUfunction {
        self.handle.load(Ordering::Acquire).cast()
    }

    /// Lets the kernel use as much dynamic shared memory as the GPU has, at the first launch that asks for more than the default.
    #[inline]
    pub(super) fn allow_shared(&self, context: &Context, op: &'static str, bytes: u32) -> Result<()> {
        let bit = 1u64.checked_shl(context.ordinal as u32).unwrap_or(0);
        if bytes <= DEFAULT_SHARED || self.raised.load(Ordering::Relaxed) & bit != 0 {
            return Ok(());
        }
        let (handle, device) = (self.handle.load(Ordering::Acquire), context.device);
        let mut fixed = 0;
        // SAFETY: the handle was given by the driver and is never unloaded; writes the one integer.
        context.check(Some(op), unsafe {
            sys::cuKernelGetAttribute(&mut fixed, Attribute::CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, handle, device)
        })?;
        // What the kernel declares statically counts towards the GPU's limit.
        let most = context.max_shared as i32 - fixed;
        // SAFETY: as above.
        context.check(Some(op), unsafe {
            sys::cuKernelSetAttribute(Attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, most, handle, device)
        })?;
        self.raised.fetch_or(bit, Ordering::Relaxed);
        Ok(())
    }

    /// Lets the kernel run in clusters of more than eight blocks, which not every GPU of an architecture can.
    #[cold]
    pub(super) fn allow_large_cluster(&self, context: &Context, op: &'static str) -> Result<()> {
        let (handle, device) = (self.handle.load(Ordering::Acquire), context.device);
        let allowed = Attribute::CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED;
        // SAFETY: the handle was given by the driver and is never unloaded.
        context.check(Some(op), unsafe { sys::cuKernelSetAttribute(allowed, 1, handle, device) })
    }
}

/// Where an entry point is: the module (a path below `cuda/` without extension) and its `extern "C"` name there.
pub(crate) struct Entry {
    pub module: &'static str,
    pub name: String,
}

/// `N` entry points of a family, numbered by the family.
pub(crate) struct KernelSet<const N: usize> {
    entry: fn(usize) -> Entry,
    kernels: [Kernel; N],
}

impl<const N: usize> KernelSet<N> {
    /// A set whose kernel number `i` is at `entry(i)`; to be kept in a `static`.
    pub const fn new(entry: fn(usize) -> Entry) -> Self {
        Self { entry, kernels: [const { Kernel::new() }; N] }
    }

    /// Kernel number `index`, which must be below `N`.
    #[inline]
    pub fn get(&'static self, cuda: &Cuda, op: &'static str, index: usize) -> Result<&'static Kernel> {
        let kernel = &self.kernels[index];
        if kernel.handle.load(Ordering::Acquire).is_null() {
            self.find(cuda.context(), op, index, kernel)?;
        }
        Ok(kernel)
    }

    #[cold]
    fn find(&self, context: &Context, op: &'static str, index: usize, kernel: &Kernel) -> Result<()> {
        let Entry { module, name } = (self.entry)(index);
        let missing = |why: &str| Error::Driver {
            device: context.name.clone(),
            op: Some(op),
            message: format!("kernel `{name}` of module `{module}`: {why}"),
        };
        let entry = CString::new(name.as_str()).map_err(|_| missing("the name has a NUL"))?;
        context.make_current(Some(op))?;
        let library =
            library(context, op, module)?.ok_or_else(|| missing("this build has no code of it for this GPU"))?;
        let mut handle = null_mut();
        // SAFETY: the library is loaded and never unloaded; the name ends with NUL.
        let code = unsafe { sys::cuLibraryGetKernel(&mut handle, library, entry.as_ptr()) };
        if code == sys::CUresult::CUDA_ERROR_NOT_FOUND {
            return Err(missing("there is no such entry point"));
        }
        context.check(Some(op), code)?;
        kernel.handle.store(handle, Ordering::Release);
        Ok(())
    }
}

/// Whether this build has code of the module for this GPU: how a family chooses between variants.
pub(crate) fn has_module(context: &Context, module: &str) -> bool {
    modules::find(module).is_some_and(|module| module.runs_on(context.capability))
}

/// The loaded module, or `None` where this build has no code of it for this GPU.
fn library(context: &Context, op: &'static str, module: &'static str) -> Result<Option<sys::CUlibrary>> {
    struct Library(sys::CUlibrary);
    // SAFETY: the handle is used through driver calls alone, which may come from any thread.
    unsafe impl Send for Library {}
    static LOADED: Mutex<BTreeMap<&str, Library>> = Mutex::new(BTreeMap::new());

    let Some(found) = modules::find(module).filter(|module| module.runs_on(context.capability)) else {
        return Ok(None);
    };
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(Library(library)) = loaded.get(module) {
        return Ok(Some(*library));
    }
    let mut library = null_mut();
    // SAFETY: the fatbin is whole and static; without options the driver keeps a copy of its own.
    let code = unsafe {
        let image = found.fatbin.as_ptr().cast();
        sys::cuLibraryLoadData(&mut library, image, null_mut(), null_mut(), 0, null_mut(), null_mut(), 0)
    };
    context.check(Some(op), code)?;
    loaded.insert(module, Library(library));
    Ok(Some(library))
}
