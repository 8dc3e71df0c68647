//! cuBLAS on the stream of a device.

use std::ptr::null_mut;

use tilework::{Device, Tensor};

use super::library::{Library, Pointer, Status};

/// Bytes of scratch memory that any algorithm may use.
pub const WORKSPACE: usize = 64 << 20;

pub type Result<T> = std::result::Result<T, String>;

/// The library, opened.
pub struct Cublas {
    pub library: Library,
    pub handle: Pointer,
    pub lt: Pointer,
    pub stream: Pointer,
    pub workspace: u64,
    // Keeps the address above valid.
    _workspace: Tensor<u8>,
}

impl Cublas {
    pub fn open(device: &Device) -> Result<Self> {
        let library = Library::open()?;
        let workspace = Tensor::zeros(WORKSPACE, device).map_err(|error| error.to_string())?;
        let address = workspace.cuda_pointer().ok_or("not a CUDA device")?;
        // The context is current from here on, and cuBLAS takes the current one.
        let stream = device.cuda_stream().ok_or("not a CUDA device")?;
        let (handle, lt) = (null_mut(), null_mut());
        let mut cublas = Self { library, handle, lt, stream, workspace: address, _workspace: workspace };
        // SAFETY: the handles are written here and destroyed in `drop`; the stream is the device's, which outlives `cublas`, and
        // the workspace has the size that is told.
        unsafe {
            checked("cublasCreate", (cublas.library.cublasCreate_v2)(&mut cublas.handle))?;
            checked("cublasLtCreate", (cublas.library.cublasLtCreate)(&mut cublas.lt))?;
            checked("cublasSetStream", (cublas.library.cublasSetStream_v2)(cublas.handle, stream))?;
            let set = cublas.library.cublasSetWorkspace_v2;
            checked("cublasSetWorkspace", set(cublas.handle, address as Pointer, WORKSPACE))?;
        }
        Ok(cublas)
    }

    /// Its version: `13.1.0`.
    pub fn version(&self) -> Result<String> {
        let mut number = 0;
        // SAFETY: the handle lives; writes the one integer.
        checked("cublasGetVersion", unsafe { (self.library.cublasGetVersion_v2)(self.handle, &mut number) })?;
        Ok(format!("{}.{}.{}", number / 10_000, number / 100 % 100, number % 100))
    }
}

impl Drop for Cublas {
    fn drop(&mut self) {
        // SAFETY: what was created is destroyed once, and not used after this; what was not is null.
        unsafe {
            if !self.handle.is_null() {
                (self.library.cublasDestroy_v2)(self.handle);
            }
            if !self.lt.is_null() {
                (self.library.cublasLtDestroy)(self.lt);
            }
        }
    }
}

/// Turns the library's answer to a call into a result.
pub fn checked(what: &str, status: Status) -> Result<()> {
    if status == 0 { Ok(()) } else { Err(format!("{what} answers {status}")) }
}
