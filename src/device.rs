//! Devices: which ones there are, which one to take, and what each can do.

use std::collections::HashMap;
use std::ffi::c_void;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::backend::{self, Backend, BackendKind, DeviceInfo};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::memory::MemoryStats;

/// A place where tensors live and operations run: the CPU, or one GPU. Cheap to clone.
///
/// Opening a device twice gives the same device. Work on one device runs in the order in which it was asked for.
///
/// ```
/// let device = tilework::Device::best();
/// println!("{device}: {:?}", device.memory_stats());
/// ```
#[derive(Clone)]
pub struct Device(Arc<dyn Backend>);

impl Device {
    /// The device named by the environment variable `TILEWORK_DEVICE` (`cpu`, `cuda`, `cuda:1`, `wgpu`, ...), else the first
    /// CUDA GPU, else the first hardware GPU through wgpu, else the CPU. Never fails: a device that `TILEWORK_DEVICE` names
    /// and that can't be opened is reported on standard error and passed over.
    pub fn best() -> Self {
        if let Ok(name) = std::env::var("TILEWORK_DEVICE") {
            match name.parse() {
                Ok(device) => return device,
                Err(error) => eprintln!("tilework: TILEWORK_DEVICE={name}: {error}"),
            }
        }
        Self::cuda(0).or_else(|_| Self::hardware_wgpu()).unwrap_or_else(|_| Self::cpu())
    }

    /// The CPU: all cores, with the widest SIMD instructions found at run time.
    pub fn cpu() -> Self {
        static CPU: std::sync::LazyLock<Device> =
            std::sync::LazyLock::new(|| Device(Arc::new(backend::cpu::Cpu::new())));
        CPU.clone()
    }

    /// CUDA GPU number `ordinal`.
    ///
    /// # Errors
    /// [`Error::BackendUnavailable`] without the feature `cuda`, a driver, that GPU, or kernels for it.
    pub fn cuda(ordinal: usize) -> Result<Self> {
        #[cfg(feature = "cuda")]
        return open(BackendKind::Cuda, ordinal, || Ok(Arc::new(backend::cuda::Cuda::new(ordinal)?)));
        #[cfg(not(feature = "cuda"))]
        return Err(feature_off("cuda", ordinal));
    }

    /// The first adapter that wgpu finds: Vulkan, Metal or DX12, hardware before software.
    ///
    /// # Errors
    /// [`Error::BackendUnavailable`] without the feature `portable`, or without an adapter.
    pub fn wgpu() -> Result<Self> {
        Self::wgpu_nth(0)
    }

    /// Adapter number `ordinal` of wgpu's, hardware before software.
    ///
    /// # Errors
    /// [`Error::BackendUnavailable`] without the feature `portable`, or without that adapter.
    pub fn wgpu_nth(ordinal: usize) -> Result<Self> {
        #[cfg(feature = "portable")]
        return open(BackendKind::Wgpu, ordinal, || Ok(Arc::new(backend::wgpu::Wgpu::new(ordinal)?)));
        #[cfg(not(feature = "portable"))]
        return Err(feature_off("wgpu", ordinal));
    }

    /// Every device that can be opened: CUDA GPUs, then wgpu adapters, then the CPU. A GPU that both CUDA and Vulkan reach is
    /// listed under both.
    pub fn all() -> Vec<Self> {
        let family = |open: fn(usize) -> Result<Device>| (0..).map_while(move |i| open(i).ok());
        family(Self::cuda).chain(family(Self::wgpu_nth)).chain([Self::cpu()]).collect()
    }

    /// What the device is and can do.
    pub fn info(&self) -> &DeviceInfo {
        self.0.info()
    }

    /// The maker's name of the device.
    pub fn name(&self) -> &str {
        &self.info().name
    }

    /// The machinery behind it.
    pub fn kind(&self) -> BackendKind {
        self.info().backend
    }

    /// Whether tensors of this element type can live here.
    pub fn supports(&self, dtype: DType) -> bool {
        self.info().dtypes.contains(&dtype)
    }

    /// Statistics of the device's memory pool.
    pub fn memory_stats(&self) -> MemoryStats {
        self.0.memory_stats()
    }

    /// Limits the bytes the pool may hold from the system (in use and cached); `None` lifts the limit.
    pub fn set_memory_limit(&self, bytes: Option<usize>) {
        self.0.set_memory_limit(bytes);
    }

    /// Gives cached memory back to the system; returns the number of bytes given back.
    pub fn trim_memory(&self) -> usize {
        self.0.trim_memory()
    }

    /// Waits until all work asked for so far is done.
    ///
    /// # Errors
    /// [`Error::Driver`] or [`Error::DeviceLost`] for a failure of earlier work that had not been seen yet.
    pub fn synchronize(&self) -> Result<()> {
        self.0.synchronize()
    }

    /// How long the device works on what `work` asks for, by the device's own clock where it has one.
    ///
    /// This is the time between two marks in the device's queue, so it holds no launch latency as long as the host runs ahead,
    /// and no waiting on the host. Waits for the work to be done.
    ///
    /// ```
    /// use tilework::{Device, Tensor};
    /// let device = Device::best();
    /// let x = Tensor::<f32>::ones((256, 256), &device)?;
    /// let (product, time) = device.time(|| x.matmul(&x))?;
    /// println!("{:?} for {} elements", time, product.len());
    /// # Ok::<(), tilework::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of `work`, and those of [`synchronize`](Self::synchronize).
    pub fn time<R>(&self, work: impl FnOnce() -> Result<R>) -> Result<(R, Duration)> {
        let start = self.0.timestamp()?;
        let result = work()?;
        let end = self.0.timestamp()?;
        Ok((result, self.0.elapsed(&start, &end)?))
    }

    /// The `CUstream` that all work of a CUDA device goes to, its context made current on this thread; `None` elsewhere.
    ///
    /// Hidden, because it is no promise: with it the benchmarks let cuBLAS work between this library's own operations. Who enqueues a
    /// kernel asks for the stream anew each time: the next operation then waits for that kernel before it reads.
    #[doc(hidden)]
    pub fn cuda_stream(&self) -> Option<*mut c_void> {
        self.0.stream()
    }

    /// The implementation.
    pub(crate) fn backend(&self) -> &dyn Backend {
        &*self.0
    }

    fn hardware_wgpu() -> Result<Self> {
        let device = Self::wgpu()?;
        if device.info().is_software {
            let reason = "only a software rasteriser was found".into();
            return Err(Error::BackendUnavailable {
                backend: "wgpu",
                reason,
                remedy: "use Device::wgpu() to have it all the same".into(),
            });
        }
        Ok(device)
    }
}

/// One device per backend and ordinal, opened at the first request and again after it was lost.
#[allow(dead_code, reason = "not used by a CPU-only build")]
fn open(kind: BackendKind, ordinal: usize, make: impl FnOnce() -> Result<Arc<dyn Backend>>) -> Result<Device> {
    static OPEN: Mutex<Option<HashMap<(BackendKind, usize), Device>>> = Mutex::new(None);
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    let devices = open.get_or_insert_default();
    if let Some(device) = devices.get(&(kind, ordinal)).filter(|device| !device.0.is_lost()) {
        return Ok(device.clone());
    }
    let device = Device(make()?);
    devices.insert((kind, ordinal), device.clone());
    Ok(device)
}

#[allow(dead_code, reason = "not used when all features are on")]
fn feature_off(backend: &'static str, ordinal: usize) -> Error {
    let feature = if backend == "wgpu" { "portable" } else { backend };
    Error::BackendUnavailable {
        backend,
        reason: format!("device {ordinal} was asked for, but this build has no {backend} backend"),
        remedy: format!("build tilework with the feature `{feature}`"),
    }
}

impl FromStr for Device {
    type Err = Error;

    /// `cpu`, `cuda`, `cuda:N`, `wgpu` or `wgpu:N`.
    fn from_str(name: &str) -> Result<Self> {
        let (backend, ordinal) = name.split_once(':').unwrap_or((name, "0"));
        match (backend, ordinal.parse()) {
            ("cpu", Ok(0)) => Ok(Self::cpu()),
            ("cuda", Ok(n)) => Self::cuda(n),
            ("wgpu", Ok(n)) => Self::wgpu_nth(n),
            _ => Err(Error::InvalidArgument {
                op: "Device::from_str",
                reason: format!("{name:?} is no device; use cpu, cuda, cuda:N, wgpu or wgpu:N"),
            }),
        }
    }
}

impl PartialEq for Device {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Device {}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} ({})", self.kind().name(), self.info().ordinal, self.name())
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
