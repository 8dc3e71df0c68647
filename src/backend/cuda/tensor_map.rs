//! Tensor maps: how the tensor memory accelerator (compute capability 9.0 and later) is told what a tensor looks like.
//!
//! The driver encodes a map from address, lengths, strides and box; that takes about a microsecond, so maps are kept. A map holds no
//! reference to its buffer: it describes an address, and is right again for whatever buffer has that address and shape later.

use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::{Arc, Mutex, PoisonError};

use cudarc::driver::sys;
use cudarc::driver::sys::CUtensorMapDataType as MapType;
use cudarc::driver::sys::CUtensorMapL2promotion as Promotion;
pub(crate) use cudarc::driver::sys::CUtensorMapSwizzle as Swizzle;

use super::Cuda;
use crate::dtype::DType;
use crate::error::{Error, Result};

/// The most maps that are kept; beyond it, all are forgotten and encoded again.
const MOST: usize = 1024;

/// Boxes of a tensor of up to 5 axes, **innermost axis first**, as the hardware counts them. The innermost has stride 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct BoxedTensor {
    /// Address of the first element: a multiple of 16 bytes.
    pub pointer: u64,
    /// The element type.
    pub dtype: DType,
    /// Number of axes: 1 to 5.
    pub rank: usize,
    /// Axis lengths, in elements.
    pub lengths: [u64; 5],
    /// Strides of axes 1 and on, in **bytes**: multiples of 16. Entry 0 is not read.
    pub strides: [u64; 5],
    /// Lengths of the box that one copy moves: at most 256 each.
    pub boxes: [u32; 5],
    /// How the box lies in shared memory. With a swizzle, the innermost box length is at most that many bytes.
    pub swizzle: Swizzle,
    /// Whether f32 is rounded to TF32 on the way to shared memory.
    pub rounded: bool,
}

impl BoxedTensor {
    /// Whether the hardware can read it so: alignment of the address and the strides, lengths and box within their limits.
    pub fn is_encodable(&self) -> bool {
        let span = match self.swizzle {
            Swizzle::CU_TENSOR_MAP_SWIZZLE_32B => 32,
            Swizzle::CU_TENSOR_MAP_SWIZZLE_64B => 64,
            Swizzle::CU_TENSOR_MAP_SWIZZLE_128B => 128,
            _ => u64::MAX,
        };
        let inner = u64::from(self.boxes[0]).saturating_mul(self.dtype.size() as u64);
        (1..=5).contains(&self.rank)
            && self.pointer.is_multiple_of(16)
            && self.lengths[..self.rank].iter().all(|&n| (1..=1 << 32).contains(&n))
            && self.strides[1..self.rank].iter().all(|&s| s.is_multiple_of(16) && s < 1 << 40)
            && self.boxes[..self.rank].iter().all(|n| (1..=256).contains(n))
            && inner.is_multiple_of(16)
            && inner <= span
    }
}

/// The accelerator's name of an element type. Signedness does not matter to a copy.
fn map_type(tensor: &BoxedTensor) -> MapType {
    match tensor.dtype {
        DType::F32 if tensor.rounded => MapType::CU_TENSOR_MAP_DATA_TYPE_TFLOAT32,
        DType::F32 => MapType::CU_TENSOR_MAP_DATA_TYPE_FLOAT32,
        DType::F64 => MapType::CU_TENSOR_MAP_DATA_TYPE_FLOAT64,
        DType::F16 => MapType::CU_TENSOR_MAP_DATA_TYPE_FLOAT16,
        DType::BF16 => MapType::CU_TENSOR_MAP_DATA_TYPE_BFLOAT16,
        DType::I32 => MapType::CU_TENSOR_MAP_DATA_TYPE_INT32,
        DType::I64 => MapType::CU_TENSOR_MAP_DATA_TYPE_INT64,
        DType::U32 => MapType::CU_TENSOR_MAP_DATA_TYPE_UINT32,
        DType::U8 | DType::Bool | DType::F8E4M3 | DType::F8E5M2 => MapType::CU_TENSOR_MAP_DATA_TYPE_UINT8,
    }
}

/// An encoded map, passed to kernels by value.
pub(crate) struct TensorMap(sys::CUtensorMap);

impl TensorMap {
    pub(super) fn as_parameter(&self) -> *mut c_void {
        std::ptr::from_ref(&self.0).cast_mut().cast()
    }
}

/// How often what a map describes is read, which decides how much the L2 cache fetches at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reads {
    /// By several blocks: 256 bytes.
    Shared,
    /// Once, as a stream: 128 bytes, a line of a box.
    Once,
}

/// The maps encoded so far.
#[derive(Default)]
pub(crate) struct TensorMaps(Mutex<HashMap<(BoxedTensor, Reads), Arc<TensorMap>>>);

impl Cuda {
    /// The map of `tensor`, encoded now or earlier. Elements outside the tensor read as zero and are not written.
    pub fn tensor_map(&self, op: &'static str, tensor: &BoxedTensor) -> Result<Arc<TensorMap>> {
        self.tensor_map_for(op, tensor, Reads::Shared)
    }

    /// As [`Cuda::tensor_map`], for a tensor that is read in that way.
    pub fn tensor_map_for(&self, op: &'static str, tensor: &BoxedTensor, reads: Reads) -> Result<Arc<TensorMap>> {
        if !tensor.is_encodable() {
            let reason = format!("a tensor map can't describe {tensor:x?}");
            return Err(Error::InvalidArgument { op, reason });
        }
        let mut maps = self.tensor_maps.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(map) = maps.get(&(*tensor, reads)) {
            return Ok(Arc::clone(map));
        }
        let map = Arc::new(self.encode(op, tensor, reads)?);
        if maps.len() >= MOST {
            maps.clear();
        }
        maps.insert((*tensor, reads), Arc::clone(&map));
        Ok(map)
    }

    fn encode(&self, op: &'static str, tensor: &BoxedTensor, reads: Reads) -> Result<TensorMap> {
        let context = self.context();
        context.make_current(Some(op))?;
        let mut map = sys::CUtensorMap { opaque: [0; 16] };
        let steps = [1u32; 5];
        let promotion = match reads {
            Reads::Shared => Promotion::CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
            Reads::Once => Promotion::CU_TENSOR_MAP_L2_PROMOTION_L2_128B,
        };
        // SAFETY: the arrays have at least `rank` entries (the strides one less, from axis 1 on), and `map` is aligned as its type
        // demands; the driver checks the values and reads no device memory.
        let code = unsafe {
            sys::cuTensorMapEncodeTiled(
                &mut map,
                map_type(tensor),
                tensor.rank as u32,
                tensor.pointer as *mut c_void,
                tensor.lengths.as_ptr(),
                tensor.strides.as_ptr().add(1),
                tensor.boxes.as_ptr(),
                steps.as_ptr(),
                sys::CUtensorMapInterleave::CU_TENSOR_MAP_INTERLEAVE_NONE,
                tensor.swizzle,
                promotion,
                sys::CUtensorMapFloatOOBfill::CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE,
            )
        };
        context.check(Some(op), code)?;
        Ok(TensorMap(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1000 rows of 512 bf16 each, `stride` elements apart, in boxes of rows and columns.
    fn matrix(pointer: u64, stride: u64, boxes: [u32; 2]) -> BoxedTensor {
        BoxedTensor {
            pointer,
            dtype: DType::BF16,
            rank: 2,
            lengths: [512, 1000, 1, 1, 1],
            strides: [0, 2 * stride, 0, 0, 0],
            boxes: [boxes[1], boxes[0], 1, 1, 1],
            swizzle: Swizzle::CU_TENSOR_MAP_SWIZZLE_128B,
            rounded: false,
        }
    }

    #[test]
    fn limits() {
        assert!(matrix(0x1000, 512, [128, 64]).is_encodable());
        assert!(!matrix(0x1008, 512, [128, 64]).is_encodable(), "address");
        assert!(!matrix(0x1000, 513, [128, 64]).is_encodable(), "stride");
        assert!(!matrix(0x1000, 512, [257, 64]).is_encodable(), "rows of the box");
        assert!(!matrix(0x1000, 512, [128, 128]).is_encodable(), "swizzle span");
        assert!(!matrix(0x1000, 512, [128, 4]).is_encodable(), "box of 8 bytes");
    }
}
