//! The GPU of the machine that builds, asked of its driver; a machine without either is as good a builder.

use crate::arch::Arch;
use std::ffi::c_int;

const COMPUTE_CAPABILITY_MAJOR: c_int = 75;
const COMPUTE_CAPABILITY_MINOR: c_int = 76;

/// The architecture of the first GPU, or `None` where the driver, the GPU or its answer is missing.
pub fn gpu_present() -> Option<Arch> {
    let name = if cfg!(windows) { "nvcuda.dll" } else { "libcuda.so.1" };
    // SAFETY: the driver library's initialisers have no precondition; it is the one that every CUDA program loads.
    let driver = unsafe { libloading::Library::new(name) }.ok()?;
    // SAFETY: the four signatures are those of cuda.h. `cuInit` comes first, the pointers are to live locals, and the device
    // that the attributes are asked of was written by a successful `cuDeviceGet`.
    unsafe {
        let init = driver.get::<unsafe extern "C" fn(u32) -> c_int>(b"cuInit\0").ok()?;
        let get = driver.get::<unsafe extern "C" fn(*mut c_int, c_int) -> c_int>(b"cuDeviceGet\0").ok()?;
        let attribute =
            driver.get::<unsafe extern "C" fn(*mut c_int, c_int, c_int) -> c_int>(b"cuDeviceGetAttribute\0").ok()?;
        let (mut device, mut major, mut minor) = (0, 0, 0);
        let ok = init(0) == 0
            && get(&mut device, 0) == 0
            && attribute(&mut major, COMPUTE_CAPABILITY_MAJOR, device) == 0
            && attribute(&mut minor, COMPUTE_CAPABILITY_MINOR, device) == 0;
        if ok { Some(Arch::of_device(major.try_into().ok()?, minor.try_into().ok()?)) } else { None }
    }
}
