//! cuBLAS as a shared library: found and opened at run time, so that nothing here is built against it.
//!
//! `TILEWORK_CUBLAS` names the folder where it lies. Else the system's loader is asked, and then the folders of Python's packages
//! (`PYTHON`, default `python3`), where a PyTorch for CUDA brings it along.

use std::env;
use std::ffi::{c_int, c_longlong, c_void};
use std::path::{Path, PathBuf};
use std::process::Command;

use libloading::os::unix::{Library as Shared, RTLD_GLOBAL, RTLD_NOW};

/// A handle, descriptor or address: opaque to the caller.
pub type Pointer = *mut c_void;
/// Zero is success.
pub type Status = c_int;

/// What `cublasLtMatmulAlgoGetHeuristic` tells of an algorithm.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Heuristic {
    pub algorithm: [u64; 8],
    pub workspace: usize,
    pub status: Status,
    pub waves: f32,
    reserved: [c_int; 4],
}

/// Declares the functions' types and loads them by their names.
macro_rules! functions {
    ($($name:ident: fn($($argument:ty),*);)*) => {
        /// The functions in use, and the libraries that they are in.
        #[allow(non_snake_case, reason = "the names are cuBLAS's own")]
        pub struct Library {
            $(pub $name: unsafe extern "C" fn($($argument),*) -> Status,)*
            _libraries: [Shared; 2],
        }

        impl Library {
            /// From cuBLAS and the cuBLASLt under it, whose functions are found through the former.
            fn load(blas: Shared, lt: Shared) -> Result<Self, libloading::Error> {
                // SAFETY: the types are those of cublas_api.h and cublasLt.h, the same in versions 12 and 13; the functions are not
                // called after the libraries, which are kept beside them, have been closed.
                unsafe {
                    Ok(Self {
                        $($name: *blas.get(concat!(stringify!($name), "\0").as_bytes())?,)*
                        _libraries: [blas, lt],
                    })
                }
            }
        }
    };
}

functions! {
    cublasCreate_v2: fn(*mut Pointer);
    cublasDestroy_v2: fn(Pointer);
    cublasGetVersion_v2: fn(Pointer, *mut c_int);
    cublasSetStream_v2: fn(Pointer, Pointer);
    cublasSetWorkspace_v2: fn(Pointer, Pointer, usize);
    cublasGemmEx: fn(Pointer, c_int, c_int, c_int, c_int, c_int, Pointer, u64, c_int, c_int, u64, c_int, c_int, Pointer,
                          u64, c_int, c_int, c_int, c_int);
    cublasGemmStridedBatchedEx: fn(Pointer, c_int, c_int, c_int, c_int, c_int, Pointer, u64, c_int, c_int, c_longlong, u64,
                                        c_int, c_int, c_longlong, Pointer, u64, c_int, c_int, c_longlong, c_int, c_int, c_int);
    cublasLtCreate: fn(*mut Pointer);
    cublasLtDestroy: fn(Pointer);
    cublasLtMatmulDescCreate: fn(*mut Pointer, c_int, c_int);
    cublasLtMatmulDescSetAttribute: fn(Pointer, c_int, *const c_void, usize);
    cublasLtMatmulDescDestroy: fn(Pointer);
    cublasLtMatrixLayoutCreate: fn(*mut Pointer, c_int, u64, u64, i64);
    cublasLtMatrixLayoutSetAttribute: fn(Pointer, c_int, *const c_void, usize);
    cublasLtMatrixLayoutDestroy: fn(Pointer);
    cublasLtMatmulPreferenceCreate: fn(*mut Pointer);
    cublasLtMatmulPreferenceSetAttribute: fn(Pointer, c_int, *const c_void, usize);
    cublasLtMatmulPreferenceDestroy: fn(Pointer);
    cublasLtMatmulAlgoGetHeuristic: fn(Pointer, Pointer, Pointer, Pointer, Pointer, Pointer, Pointer, c_int, *mut Heuristic,
                                          *mut c_int);
    cublasLtMatmul: fn(Pointer, Pointer, Pointer, u64, Pointer, u64, Pointer, Pointer, u64, Pointer, u64, Pointer,
                          *const Heuristic, u64, usize, Pointer);
}

/// The major versions that these declarations are right for.
const VERSIONS: [u32; 2] = [13, 12];

impl Library {
    /// The first cuBLAS that opens, or why none does.
    pub fn open() -> Result<Self, String> {
        if let Some(named) = env::var_os("TILEWORK_CUBLAS") {
            let folder = PathBuf::from(named);
            return open_in(&folder).ok_or_else(|| format!("no cuBLAS 12 or 13 opens in {}", folder.display()));
        }
        let folders = [vec![PathBuf::new()], python_folders()].concat();
        let found = folders.iter().find_map(|folder| open_in(folder));
        found.ok_or_else(|| "cuBLAS was not found (TILEWORK_CUBLAS can name its folder)".into())
    }
}

/// cuBLAS in `folder`, which is empty for the places that the loader knows.
fn open_in(folder: &Path) -> Option<Library> {
    VERSIONS.iter().find_map(|version| {
        let open = |name: &str| {
            // SAFETY: only cuBLAS's own initialisers run.
            unsafe { Shared::open(Some(folder.join(format!("{name}.so.{version}"))), RTLD_NOW | RTLD_GLOBAL) }.ok()
        };
        // In this order: cublas needs cublasLt, and takes the one that is open already.
        let lt = open("libcublasLt")?;
        Library::load(open("libcublas")?, lt).ok()
    })
}

/// Where Python's packages keep NVIDIA's libraries.
fn python_folders() -> Vec<PathBuf> {
    let python = env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    let Ok(output) = Command::new(python).args(["-c", "import sys; print('\\n'.join(sys.path))"]).output() else {
        return vec![];
    };
    let places = ["nvidia/cu13/lib", "nvidia/cublas/lib", "torch/lib"];
    let paths = String::from_utf8_lossy(&output.stdout).into_owned();
    let folders = paths.lines().flat_map(|path| places.map(|place| Path::new(path).join(place)));
    folders.filter(|folder| folder.is_dir()).collect()
}
