//! Finding an adapter and opening it: what is asked of wgpu, and what the device says of itself.

use wgpu::{Backends, DeviceType, Features};

use super::super::{BackendKind, DeviceInfo};
use super::cooperative;
use super::fault::Faults;
use crate::dtype::DType;
use crate::error::{Error, Result};

/// An opened adapter.
pub(super) struct Opened {
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    pub info: DeviceInfo,
    pub faults: Faults,
    /// Whether there are matrix units that `cooperative` is written for.
    pub cooperative: bool,
}

/// Features that kernels use where they are there. `IMMEDIATES` carries parameters, the rest are element types and speed.
const WANTED: Features = Features::IMMEDIATES
    .union(Features::SHADER_F16)
    .union(Features::SHADER_F64)
    .union(Features::SHADER_INT64)
    .union(Features::SUBGROUP)
    .union(Features::TIMESTAMP_QUERY)
    .union(Features::TIMESTAMP_QUERY_INSIDE_ENCODERS)
    .union(Features::TIMESTAMP_QUERY_INSIDE_PASSES);

/// Percentage of the memory budget beyond which wgpu refuses to make buffers, so that a full device is an error and not a loss.
const BUDGET_PERCENT: u8 = 95;

/// Opens adapter number `ordinal`, hardware before software, then in the system's order.
pub(super) fn open(ordinal: usize) -> Result<Opened> {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    // OpenGL has neither the limits nor the precision; WGPU_VALIDATION=1 switches the validation layers on.
    descriptor.backends = Backends::VULKAN | Backends::METAL | Backends::DX12;
    descriptor.flags = wgpu::InstanceFlags::empty().with_env();
    descriptor.memory_budget_thresholds.for_resource_creation = Some(BUDGET_PERCENT);
    let instance = wgpu::Instance::new(descriptor);
    let mut adapters = pollster::block_on(instance.enumerate_adapters(Backends::all()));
    let is_software = |adapter: &wgpu::Adapter| adapter.get_info().device_type == DeviceType::Cpu;
    adapters.sort_by_key(is_software);
    let found = adapters.len();
    let adapter = adapters.into_iter().nth(ordinal).ok_or_else(|| Error::BackendUnavailable {
        backend: "wgpu",
        reason: format!("adapter {ordinal} was asked for, and {found} are found (Vulkan, Metal, DX12)"),
        remedy: "install the GPU's driver, or Mesa's lavapipe (mesa-vulkan-drivers) to run on the CPU".into(),
    })?;
    let described = adapter.get_info();
    let unavailable = |reason: String| Error::BackendUnavailable {
        backend: "wgpu",
        reason: format!("{}: {reason}", described.name),
        remedy: "update its driver, or use another device".into(),
    };
    let cooperative = cooperative::is_supported(&adapter);
    let experimental = if cooperative {
        // SAFETY: cooperative matrices are the one such feature that is asked for, in kernels of this crate alone, where they are
        // loaded from and stored to workgroup memory inside its bounds, in uniform control flow.
        unsafe { wgpu::ExperimentalFeatures::enabled() }
    } else {
        wgpu::ExperimentalFeatures::disabled()
    };
    let units = if cooperative { Features::EXPERIMENTAL_COOPERATIVE_MATRIX } else { Features::empty() };
    let request = wgpu::DeviceDescriptor {
        label: Some("tilework"),
        required_features: adapter.features() & (WANTED | units),
        required_limits: adapter.limits(),
        experimental_features: experimental,
        ..Default::default()
    };
    let (device, queue) =
        pollster::block_on(adapter.request_device(&request)).map_err(|error| unavailable(error.to_string()))?;
    let faults = Faults::watch(&device, &described.name);
    let info = describe(&device, &described, ordinal, cooperative);
    Ok(Opened { device, queue, info, faults, cooperative })
}

fn describe(device: &wgpu::Device, adapter: &wgpu::AdapterInfo, ordinal: usize, cooperative: bool) -> DeviceInfo {
    let (features, limits) = (device.features(), device.limits());
    let f64s = features.contains(Features::SHADER_F64 | Features::SHADER_INT64);
    let i64s = features.contains(Features::SHADER_INT64);
    let dtypes = DType::ALL.into_iter().filter(|dtype| match dtype {
        DType::F64 => f64s,
        DType::I64 => i64s,
        _ => true,
    });
    let subgroup = if features.contains(Features::SUBGROUP) {
        format!("{} to {}", adapter.subgroup_min_size, adapter.subgroup_max_size)
    } else {
        "none".into()
    };
    DeviceInfo {
        backend: BackendKind::Wgpu,
        name: adapter.name.clone(),
        ordinal,
        is_software: adapter.device_type == DeviceType::Cpu,
        // wgpu does not tell.
        memory: None,
        dtypes: dtypes.collect(),
        facts: vec![
            ("api", adapter.backend.to_string()),
            ("driver", format!("{} {}", adapter.driver, adapter.driver_info)),
            ("subgroup size", subgroup),
            ("matrix units", cooperative.to_string()),
            ("shader f16", features.contains(Features::SHADER_F16).to_string()),
            ("largest binding", limits.max_storage_buffer_binding_size.to_string()),
            ("workgroup memory", limits.max_compute_workgroup_storage_size.to_string()),
            ("immediate bytes", limits.max_immediate_size.to_string()),
        ],
    }
}
