//! A GPU opened: its primary context, the one stream that all work goes to, and the facts that launches depend on.
//!
//! Opening never panics and never fails silently: a missing driver, GPU or kernel is a [`BackendUnavailable`] with its remedy.
//! The stream is non-blocking, so nothing here ever waits for, or is waited for by, the legacy null stream. Work on one stream
//! runs in order, which is all the synchronisation that a tensor needs: there are no events between operations.
//!
//! [`BackendUnavailable`]: Error::BackendUnavailable

use std::ffi::CStr;
use std::fmt::Display;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, Ordering};

use cudarc::driver::sys::{self, CUdevice_attribute as Attribute, CUresult};

use super::modules::{self, Module};
use crate::error::{Error, Result};

/// The oldest driver, as `cuDriverGetVersion` counts: context-free kernels, clusters and tensor maps came with 12.0.
const OLDEST_DRIVER: i32 = 12_000;

/// An opened GPU. Released when the last buffer and the device itself are gone.
pub(crate) struct Context {
    pub ordinal: usize,
    pub device: sys::CUdevice,
    pub stream: sys::CUstream,
    primary: sys::CUcontext,
    pub name: String,
    /// The compute capability: 90 for 9.0.
    pub capability: u32,
    /// The number of streaming multiprocessors.
    pub multiprocessors: u32,
    /// The most shared memory that one block can ask for, in bytes.
    pub max_shared: u32,
    /// Bytes of device memory.
    pub memory: u64,
    /// The driver's CUDA version: 13000 for 13.0.
    pub driver: i32,
    /// Whether every launch waits for its kernel, so that a failure names its operation (`TILEWORK_SYNC=1`).
    pub synchronous: bool,
    lost: AtomicBool,
}

// SAFETY: the handles are used through driver calls alone, which may come from any thread.
unsafe impl Send for Context {}
// SAFETY: as above; the driver serialises calls on one context and stream.
unsafe impl Sync for Context {}

impl Context {
    /// Opens GPU number `ordinal`.
    pub fn open(ordinal: usize) -> Result<Self> {
        // SAFETY: only tries to load the library, whose initialisers are the driver's own.
        if !unsafe { sys::is_culib_present() } {
            return Err(unavailable(
                "the driver's library (libcuda) is not on this machine",
                "install the NVIDIA driver, or give the container its GPUs (docker run --gpus all)",
            ));
        }
        // SAFETY: cuInit has no precondition.
        initialised(unsafe { sys::cuInit(0) })?;
        let mut driver = 0;
        // SAFETY: writes the one integer.
        opening("asking for the driver's version", unsafe { sys::cuDriverGetVersion(&mut driver) })?;
        check_driver(driver)?;
        let mut count = 0;
        // SAFETY: the driver is initialised; writes the one integer.
        opening("counting the GPUs", unsafe { sys::cuDeviceGetCount(&mut count) })?;
        check_ordinal(ordinal, count)?;
        let mut device = 0;
        // SAFETY: the ordinal is below the count.
        opening("choosing the GPU", unsafe { sys::cuDeviceGet(&mut device, ordinal as i32) })?;

        let capability = 10 * attribute(device, Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?
            + attribute(device, Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
        check_code(modules::MODULES, capability)?;
        let multiprocessors = attribute(device, Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?;
        let max_shared = attribute(device, Attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)?;
        let mut memory = 0;
        // SAFETY: the device is valid; writes the one number.
        opening("asking for the size of memory", unsafe { sys::cuDeviceTotalMem_v2(&mut memory, device) })?;

        let mut primary = null_mut();
        // SAFETY: the device is valid; the reference that this retains is released in `drop`.
        opening("opening the GPU", unsafe { sys::cuDevicePrimaryCtxRetain(&mut primary, device) })?;
        let mut context = Self {
            ordinal,
            device,
            stream: null_mut(),
            primary,
            name: name(device)?,
            capability,
            multiprocessors,
            max_shared,
            memory: memory as u64,
            driver,
            synchronous: std::env::var("TILEWORK_SYNC").as_deref() == Ok("1"),
            lost: AtomicBool::new(false),
        };
        context.make_current(None)?;
        let flags = sys::CUstream_flags::CU_STREAM_NON_BLOCKING as u32;
        // SAFETY: the context is current; the stream is destroyed in `drop`.
        opening("creating a stream", unsafe { sys::cuStreamCreate(&mut context.stream, flags) })?;
        Ok(context)
    }

    /// Makes the context current on this thread, as most driver calls need; reading what is current costs nanoseconds.
    pub fn make_current(&self, op: Option<&'static str>) -> Result<()> {
        let mut current = null_mut();
        // SAFETY: the driver is initialised; writes the one pointer.
        let read = unsafe { sys::cuCtxGetCurrent(&mut current) };
        if read == CUresult::CUDA_SUCCESS && current == self.primary {
            return Ok(());
        }
        // SAFETY: the primary context is retained for as long as `self` lives.
        self.check(op, unsafe { sys::cuCtxSetCurrent(self.primary) })
    }

    /// Waits for all work on the stream.
    pub fn synchronize(&self, op: Option<&'static str>) -> Result<()> {
        self.make_current(op)?;
        // SAFETY: the stream lives as long as `self`.
        self.check(op, unsafe { sys::cuStreamSynchronize(self.stream) })
    }

    /// The number of the graph capture that the stream is in; 0 if it is in none.
    pub fn capture(&self, op: &'static str) -> Result<u64> {
        self.make_current(Some(op))?;
        let (mut status, mut capture) = (sys::CUstreamCaptureStatus::CU_STREAM_CAPTURE_STATUS_NONE, 0);
        let absent = null_mut::<u8>();
        // SAFETY: the stream lives as long as `self`; writes the status and the number, and what is null not at all.
        let code = unsafe {
            sys::cuStreamGetCaptureInfo_v2(
                self.stream,
                &mut status,
                &mut capture,
                absent.cast(),
                absent.cast(),
                absent.cast(),
            )
        };
        self.check(Some(op), code)?;
        let is_none = status == sys::CUstreamCaptureStatus::CU_STREAM_CAPTURE_STATUS_NONE;
        Ok(if is_none { 0 } else { capture })
    }

    /// Turns the driver's answer to a call for `op` into a result.
    #[inline]
    pub fn check(&self, op: Option<&'static str>, code: CUresult) -> Result<()> {
        if code == CUresult::CUDA_SUCCESS { Ok(()) } else { Err(self.failure(op, code)) }
    }

    #[cold]
    fn failure(&self, op: Option<&'static str>, code: CUresult) -> Error {
        let device = format!("cuda:{} ({})", self.ordinal, self.name);
        let message = describe(code);
        if is_fatal(code) {
            self.lost.store(true, Ordering::Relaxed);
            return Error::DeviceLost { device, op, message };
        }
        Error::Driver { device, op, message }
    }

    /// Whether a fault has made the context unusable.
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: nothing uses the stream or the context after this; a failure here concerns nobody any more.
        unsafe {
            if !self.stream.is_null() && sys::cuCtxSetCurrent(self.primary) == CUresult::CUDA_SUCCESS {
                sys::cuStreamDestroy_v2(self.stream);
            }
            sys::cuDevicePrimaryCtxRelease_v2(self.device);
        }
    }
}

/// Name and explanation of an error code, in the driver's words.
pub(crate) fn describe(code: CUresult) -> String {
    type Text = unsafe fn(CUresult, *mut *const std::ffi::c_char) -> CUresult;
    let text = |call: Text| {
        let mut text = std::ptr::null();
        // SAFETY: writes the one pointer, to a string that is never freed.
        let found = unsafe { call(code, &mut text) } == CUresult::CUDA_SUCCESS && !text.is_null();
        // SAFETY: where found, it points to such a string, which ends with NUL.
        found.then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
    };
    match (text(sys::cuGetErrorName), text(sys::cuGetErrorString)) {
        (Some(name), Some(words)) => format!("{words} ({name})"),
        _ => format!("error {}", code as u32),
    }
}

/// Whether a code says that the context can't be used again: a kernel that went wrong, or hardware that did.
fn is_fatal(code: CUresult) -> bool {
    use CUresult::*;
    matches!(
        code,
        CUDA_ERROR_ECC_UNCORRECTABLE
            | CUDA_ERROR_NVLINK_UNCORRECTABLE
            | CUDA_ERROR_ILLEGAL_ADDRESS
            | CUDA_ERROR_LAUNCH_TIMEOUT
            | CUDA_ERROR_CONTEXT_IS_DESTROYED
            | CUDA_ERROR_ASSERT
            | CUDA_ERROR_HARDWARE_STACK_ERROR
            | CUDA_ERROR_ILLEGAL_INSTRUCTION
            | CUDA_ERROR_MISALIGNED_ADDRESS
            | CUDA_ERROR_INVALID_ADDRESS_SPACE
            | CUDA_ERROR_INVALID_PC
            | CUDA_ERROR_LAUNCH_FAILED
    )
}

fn unavailable(reason: impl Display, remedy: impl Display) -> Error {
    Error::BackendUnavailable { backend: "cuda", reason: reason.to_string(), remedy: remedy.to_string() }
}

/// The result of a call made while the device is opened.
fn opening(what: &str, code: CUresult) -> Result<()> {
    if code == CUresult::CUDA_SUCCESS {
        return Ok(());
    }
    Err(unavailable(format_args!("{what} failed: {}", describe(code)), "see whether nvidia-smi works"))
}

fn initialised(code: CUresult) -> Result<()> {
    let remedy = match code {
        CUresult::CUDA_SUCCESS => return Ok(()),
        CUresult::CUDA_ERROR_NO_DEVICE => {
            "see that nvidia-smi lists one and that CUDA_VISIBLE_DEVICES does not hide it"
        }
        CUresult::CUDA_ERROR_SYSTEM_DRIVER_MISMATCH => {
            "the kernel module and libcuda are of different versions: restart the machine after a driver update"
        }
        CUresult::CUDA_ERROR_STUB_LIBRARY => "take the toolkit's folder `stubs` off the library path",
        _ => "see whether nvidia-smi works",
    };
    Err(unavailable(format_args!("the driver could not be started: {}", describe(code)), remedy))
}

fn check_driver(version: i32) -> Result<()> {
    if version >= OLDEST_DRIVER {
        return Ok(());
    }
    let (major, minor) = (version / 1000, version % 1000 / 10);
    Err(unavailable(
        format_args!("the driver is for CUDA {major}.{minor}, and 12.0 is the oldest that works"),
        "update the NVIDIA driver to 525 or later",
    ))
}

fn check_ordinal(ordinal: usize, count: i32) -> Result<()> {
    if i32::try_from(ordinal).is_ok_and(|ordinal| ordinal < count) {
        return Ok(());
    }
    Err(unavailable(
        format_args!("GPU {ordinal} was asked for, and there are {count}"),
        "ask for a lower number, or see whether CUDA_VISIBLE_DEVICES hides it",
    ))
}

/// Refuses a GPU that no module has code for, and a build without kernels.
fn check_code(modules: &[Module], capability: u32) -> Result<()> {
    let (major, minor) = (capability / 10, capability % 10);
    let Some(first) = modules.first() else {
        return Err(unavailable("this build has no CUDA kernels", "build it where nvcc is found, not for docs.rs"));
    };
    if modules.iter().any(|module| module.runs_on(capability)) {
        return Ok(());
    }
    Err(unavailable(
        format_args!(
            "the GPU's compute capability is {major}.{minor}, and the kernels were compiled for {}",
            first.architectures()
        ),
        format_args!("rebuild with TILEWORK_CUDA_ARCHS={capability} (the oldest that works is 80)"),
    ))
}

fn attribute(device: sys::CUdevice, which: Attribute) -> Result<u32> {
    let mut value = 0;
    // SAFETY: the device is valid; writes the one integer.
    opening("asking what the GPU can do", unsafe { sys::cuDeviceGetAttribute(&mut value, which, device) })?;
    Ok(u32::try_from(value).unwrap_or(0))
}

fn name(device: sys::CUdevice) -> Result<String> {
    let mut name = [0u8; 256];
    // SAFETY: the device is valid, and at most 255 bytes and a NUL are written to the 256.
    opening("asking for the GPU's name", unsafe {
        sys::cuDeviceGetName(name.as_mut_ptr().cast(), name.len() as i32, device)
    })?;
    Ok(CStr::from_bytes_until_nul(&name).unwrap_or_default().to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(error: Error) -> (String, String) {
        match error {
            Error::BackendUnavailable { backend: "cuda", reason, remedy } => (reason, remedy),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_old_driver_is_named() {
        assert!(check_driver(12_000).is_ok() && check_driver(13_000).is_ok());
        let (reason, remedy) = parts(check_driver(11_080).unwrap_err());
        assert!(reason.contains("11.8") && remedy.contains("525"));
    }

    #[test]
    fn a_gpu_that_is_not_there() {
        assert!(check_ordinal(1, 2).is_ok());
        assert!(parts(check_ordinal(2, 2).unwrap_err()).0.contains("GPU 2"));
        assert!(check_ordinal(usize::MAX, 8).is_err());
        assert!(check_ordinal(0, 0).is_err());
    }

    #[test]
    fn a_build_without_kernels() {
        assert!(parts(check_code(&[], 90).unwrap_err()).0.contains("no CUDA kernels"));
    }

    #[test]
    fn a_gpu_older_than_every_architecture() {
        let (reason, remedy) = parts(check_code(modules::MODULES, 52).unwrap_err());
        if modules::MODULES.is_empty() {
            assert!(reason.contains("no CUDA kernels"));
        } else {
            assert!(reason.contains("5.2") && remedy.contains("TILEWORK_CUDA_ARCHS=52"));
        }
    }

    #[test]
    fn opening_fails_with_a_remedy_and_without_a_panic() {
        // Without a driver or a GPU because of that, else because no machine has so many.
        let (reason, remedy) = parts(Context::open(usize::MAX).err().unwrap());
        let expected = ["libcuda", "driver", "were compiled for", &format!("GPU {}", usize::MAX)];
        assert!(expected.iter().any(|part| reason.contains(part)), "{reason}");
        assert!(!remedy.is_empty());
    }
}
