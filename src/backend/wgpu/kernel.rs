//! Kernels: compute pipelines, each compiled once for a specialisation and kept.
//!
//! A kernel is one WGSL module with the entry point `main`. Operands are storage buffers in group 0. Parameters are 32-bit words
//! that the shader reads with `param(i)`: immediates where they fit, else a slot of the device's uniform ring in group 1.
//! The runtime's checks are off (they cost up to a hundredfold in compilation and a branch per access), so a kernel guards every
//! access and every integer division itself, and finds garbage in its workgroup memory.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::fault::Faults;
use super::shader;
use crate::error::Result;

/// What distinguishes a pipeline: the kernel's name and whatever it was specialised by (operation, dtypes, variant).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub name: &'static str,
    pub spec: [u8; 16],
}

/// What a pipeline is made from.
pub(super) struct Source {
    /// The module, without the declaration of parameters.
    pub wgsl: String,
    /// For each binding of group 0, whether the kernel declares it `read_write`.
    pub writable: Vec<bool>,
    /// Number of parameter words.
    pub params: usize,
}

/// A compiled kernel.
pub(super) struct Kernel {
    pub name: &'static str,
    pub pipeline: wgpu::ComputePipeline,
    pub bindings: wgpu::BindGroupLayout,
    pub params: Params,
}

/// A kernel, once it has been compiled.
type Slot = Mutex<Option<Arc<Kernel>>>;

/// Where a kernel finds its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Params {
    Immediate { bytes: usize },
    Ring { bytes: usize },
}

/// Bytes of a slot of the ring: the most that the parameters of one dispatch may take, and the strictest alignment of an offset.
pub(super) const RING_SLOT: u64 = 512;

impl Params {
    pub fn place(words: usize, limits: &wgpu::Limits) -> Self {
        let bytes = words.next_multiple_of(4).max(4) * 4;
        debug_assert!(bytes as u64 <= RING_SLOT);
        if bytes <= limits.max_immediate_size as usize { Self::Immediate { bytes } } else { Self::Ring { bytes } }
    }

    pub fn bytes(self) -> usize {
        match self {
            Params::Immediate { bytes } | Params::Ring { bytes } => bytes,
        }
    }

    /// The declaration of `param(i)` for this place.
    pub fn declaration(self) -> String {
        let variable = match self {
            Params::Immediate { .. } => "var<immediate> parameters",
            Params::Ring { .. } => "@group(1) @binding(0) var<uniform> parameters",
        };
        format!(
            "struct Parameters {{ words: array<vec4<u32>, {}> }}\n{variable}: Parameters;\n\
             fn param(i: u32) -> u32 {{ return parameters.words[i / 4u][i % 4u]; }}\n",
            self.bytes() / 16
        )
    }
}

/// Every kernel of a device.
pub(super) struct Kernels {
    /// A slot for each kernel, so that different ones can be compiled at the same time.
    cache: Mutex<HashMap<Key, Arc<Slot>>>,
    compiled: AtomicUsize,
    /// The layout of group 1.
    pub ring: wgpu::BindGroupLayout,
}

impl Kernels {
    pub fn new(device: &wgpu::Device) -> Self {
        let ring = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("parameters"),
            entries: &[wgpu::BindGroupLayoutEntry {
                binding: 0,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer {
                    ty: wgpu::BufferBindingType::Uniform,
                    has_dynamic_offset: true,
                    min_binding_size: None,
                },
                count: None,
            }],
        });
        Self { cache: Mutex::default(), compiled: AtomicUsize::new(0), ring }
    }

    /// How many pipelines have been compiled so far.
    #[cfg(test)]
    pub fn compiled(&self) -> usize {
        self.compiled.load(Ordering::Relaxed)
    }

    /// The kernel for `key`, compiled from `source` at its first use.
    pub fn get(
        &self,
        device: &wgpu::Device,
        faults: &Faults,
        key: Key,
        source: impl FnOnce() -> Source,
    ) -> Result<Arc<Kernel>> {
        let slot = Arc::clone(self.cache.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default());
        // Held during compilation: a second thread that wants the same kernel waits for it instead of compiling it too.
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kernel) = &*slot {
            return Ok(Arc::clone(kernel));
        }
        let kernel = Arc::new(self.compile(device, faults, key.name, source())?);
        *slot = Some(Arc::clone(&kernel));
        Ok(kernel)
    }

    fn compile(&self, device: &wgpu::Device, faults: &Faults, name: &'static str, source: Source) -> Result<Kernel> {
        self.compiled.fetch_add(1, Ordering::Relaxed);
        let params = Params::place(source.params, &device.limits());
        let scope = device.push_error_scope(wgpu::ErrorFilter::Validation);
        let internal = device.push_error_scope(wgpu::ErrorFilter::Internal);
        let kernel = self.build(device, name, &source, params);
        let error = pollster::block_on(internal.pop()).or(pollster::block_on(scope.pop()));
        faults.check(Some(name))?;
        match error {
            Some(error) => Err(faults.failure(Some(name), format!("the kernel does not compile: {error}"))),
            None => Ok(kernel),
        }
    }

    fn build(&self, device: &wgpu::Device, name: &'static str, source: &Source, params: Params) -> Kernel {
        let entries: Vec<_> = (0..).zip(&source.writable).map(|(i, &writable)| storage_entry(i, writable)).collect();
        let bindings =
            device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(name), entries: &entries });
        let (ring, immediate_size) = match params {
            Params::Immediate { bytes } => (None, bytes as u32),
            Params::Ring { .. } => (Some(&self.ring), 0),
        };
        let groups = [Some(&bindings), ring];
        let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(name),
            bind_group_layouts: &groups[..1 + usize::from(ring.is_some())],
            immediate_size,
        });
        let module = wgpu::ShaderModuleDescriptor {
            label: Some(name),
            source: wgpu::ShaderSource::Wgsl(module_text(&source.wgsl, params).into()),
        };
        // SAFETY: the WGSL is this crate's own (`wgsl-fallback/`), never a user's. Each kernel compares its index with the
        // element count among its parameters before it touches a buffer, and the windows that are bound hold every element which
        // the layouts reach (`operand::Window`). Its loops end, and its integer divisions replace a zero divisor.
        let module = unsafe { device.create_shader_module_trusted(module, wgpu::ShaderRuntimeChecks::unchecked()) };
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(name),
            layout: Some(&layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: None,
        });
        Kernel { name, pipeline, bindings, params }
    }
}

/// The module as it is compiled, with the declaration of parameters.
pub(super) fn module_text(wgsl: &str, params: Params) -> String {
    // Directives have to stand before it.
    let directives = wgsl.lines().take_while(|line| line.starts_with("enable ")).map(|line| line.len() + 1).sum();
    let (enables, rest) = wgsl.split_at(directives);
    shader::prune(&[enables, &params.declaration(), rest].concat())
}

fn storage_entry(binding: u32, writable: bool) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Storage { read_only: !writable },
            has_dynamic_offset: false,
            min_binding_size: None,
        },
        count: None,
    }
}
