//! Buffers of host memory: where they come from, and who may touch them when.
//!
//! Tensors share buffers, live on any thread, and are written in place through shared references. Three rules keep that sound:
//!
//! 1. Every buffer has a lock. An operation holds the locks of all its buffers while it runs, the output's exclusively and the
//!    inputs' shared ([`lock`]), so two operations never race. Locks are taken in the order of their addresses, so no two
//!    operations wait for each other.
//! 2. Within one operation an input may be the output's memory only where each element read is the element written, or where no
//!    element of the one is an element of the other; the floor above checks it. Kernels gather such an input into a buffer
//!    of their own before a `&mut` to the output exists (`blocks`), so no reference aliases another.
//! 3. The memory itself is reached by raw pointers alone; slices are made of it for the length of a block.

use std::alloc::{Layout, alloc, dealloc};
use std::any::Any;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use smallvec::SmallVec;

use super::info::available_memory;
use crate::dtype::Element;
use crate::error::Error;
use crate::memory::{PooledBlock, RawError, RawMemory, StreamId};

/// A cache line, and the widest vector.
const ALIGNMENT: usize = 64;

/// A system that overcommits hands out memory it does not have, and ends the process that touches it. So blocks of at least this
/// size are compared with what is available, which costs a few microseconds.
const LARGE: usize = 64 << 20;

/// The system's allocator, as the pool sees it. The CPU has one stream, whose work is done when the call returns.
pub struct HostMemory;

/// Memory from the system's allocator.
pub struct HostBlock(NonNull<u8>);

// SAFETY: the block owns its memory, which no thread is tied to; access to it is governed by `Buffer`'s lock.
unsafe impl Send for HostBlock {}
// SAFETY: as above; the block itself offers the pointer alone.
unsafe impl Sync for HostBlock {}

impl RawMemory for HostMemory {
    type Block = HostBlock;
    type Fence = ();

    fn allocate(&self, bytes: usize, _: StreamId) -> Result<HostBlock, RawError> {
        let layout = Layout::from_size_align(bytes, ALIGNMENT).map_err(|_| RawError::OutOfMemory)?;
        if bytes >= LARGE && available_memory().is_some_and(|available| bytes as u64 > available) {
            return Err(RawError::OutOfMemory);
        }
        // SAFETY: the pool never asks for zero bytes.
        NonNull::new(unsafe { alloc(layout) }).map(HostBlock).ok_or(RawError::OutOfMemory)
    }

    fn free(&self, block: HostBlock, bytes: usize, _: StreamId) {
        if let Ok(layout) = Layout::from_size_align(bytes, ALIGNMENT) {
            // SAFETY: the pool gives back a block of `allocate` with the bytes it was asked for, so this is its layout.
            unsafe { dealloc(block.0.as_ptr(), layout) };
        }
    }

    fn fence(&self, _: StreamId) {}

    fn passed(&self, (): &()) -> bool {
        true
    }

    fn wait(&self, (): &()) {}
}

/// What keeps a buffer's memory alive.
enum Owner {
    Pool {
        _block: PooledBlock<HostMemory>,
    },
    /// A `Vec<T>` of the user's.
    #[cfg_attr(not(test), allow(dead_code, reason = "only tests adopt vectors"))]
    Vec(Box<dyn Any + Send + Sync>),
}

/// Memory of this backend.
pub(crate) struct Buffer {
    start: NonNull<u8>,
    bytes: usize,
    lock: RwLock<()>,
    owner: Owner,
}

// SAFETY: the memory belongs to `owner`, which may be sent and dropped anywhere.
unsafe impl Send for Buffer {}
// SAFETY: through a shared reference the memory is reached only with `lock` held, exclusively for writing.
unsafe impl Sync for Buffer {}

impl Buffer {
    pub(super) fn pooled(block: PooledBlock<HostMemory>) -> Self {
        Self { start: block.0, bytes: block.bytes(), lock: RwLock::new(()), owner: Owner::Pool { _block: block } }
    }

    /// A buffer over the elements of `vec`, without copying them.
    #[cfg(test)]
    pub fn adopt<T: Element>(mut vec: Vec<T>) -> Self {
        // The pointer stays good: moving the vector does not move its elements, and nobody uses the vector until it leaves.
        let start = NonNull::new(vec.as_mut_ptr().cast()).unwrap_or(NonNull::dangling());
        Self { start, bytes: size_of_val(&vec[..]), lock: RwLock::new(()), owner: Owner::Vec(Box::new(vec)) }
    }

    /// The vector that was adopted, without copying; the buffer itself if it came from elsewhere.
    pub fn try_into_vec<T: Element>(self) -> Result<Vec<T>, Self> {
        let Self { start, bytes, lock, owner } = self;
        match owner {
            Owner::Vec(vec) => match vec.downcast() {
                Ok(vec) => Ok(*vec),
                Err(vec) => Err(Self { start, bytes, lock, owner: Owner::Vec(vec) }),
            },
            owner => Err(Self { start, bytes, lock, owner }),
        }
    }

    /// The number of bytes.
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// Sets every byte.
    pub(super) fn fill(&self, byte: u8) {
        let _guard = lock(Some(self), []);
        // SAFETY: the lock is held exclusively, and the buffer has that many bytes.
        unsafe { self.start().write_bytes(byte, self.bytes) };
    }

    /// Copies `bytes` to the start.
    pub(super) fn write(&self, bytes: &[u8]) -> Result<(), Error> {
        self.check("write", &(0..bytes.len()))?;
        let _guard = lock(Some(self), []);
        // SAFETY: the lock is held exclusively, the range was checked, and a borrowed slice can't be this memory: nobody
        // outside this module gets a reference to it.
        unsafe { self.start().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        Ok(())
    }

    /// Copies the bytes of `range` to `out`.
    pub(super) fn read(&self, range: Range<usize>, out: &mut [u8]) -> Result<(), Error> {
        self.check("read", &range)?;
        if range.len() != out.len() {
            let reason = format!("{} bytes do not fit a destination of {}", range.len(), out.len());
            return Err(Error::InvalidArgument { op: "read", reason });
        }
        let _guard = lock(None, [self]);
        // SAFETY: the lock is held, range and length were checked, and `out` is borrowed from elsewhere, as above.
        unsafe { self.start().add(range.start).copy_to_nonoverlapping(out.as_mut_ptr(), out.len()) };
        Ok(())
    }

    fn check(&self, op: &'static str, range: &Range<usize>) -> Result<(), Error> {
        if range.start <= range.end && range.end <= self.bytes {
            return Ok(());
        }
        Err(Error::OutOfBounds { op, what: format!("byte range {range:?}"), shape: vec![self.bytes] })
    }

    /// The first byte. Reading needs a shared guard of [`lock`], writing an exclusive one.
    pub(super) fn start(&self) -> *mut u8 {
        self.start.as_ptr()
    }
}

/// The right to use a buffer's memory.
#[expect(dead_code, reason = "guards are held, not looked at")]
pub(super) enum Guard<'a> {
    Shared(RwLockReadGuard<'a, ()>),
    Exclusive(RwLockWriteGuard<'a, ()>),
}

/// Locks the distinct buffers among `out` (exclusively) and `inputs` (shared), in the order of their addresses.
///
/// A lock that a panicking thread left behind is taken as it is: the memory holds plain numbers, which are never invalid.
pub(super) fn lock<'a>(
    out: Option<&'a Buffer>,
    inputs: impl IntoIterator<Item = &'a Buffer>,
) -> SmallVec<[Guard<'a>; 5]> {
    let mut wanted: SmallVec<[(&Buffer, bool); 5]> = out.map(|buffer| (buffer, true)).into_iter().collect();
    wanted.extend(inputs.into_iter().map(|buffer| (buffer, false)));
    // The exclusive request for a buffer comes before the shared ones, and is the one that stays.
    wanted.sort_by_key(|&(buffer, exclusive)| (std::ptr::from_ref(buffer).addr(), !exclusive));
    wanted.dedup_by_key(|&mut (buffer, _)| std::ptr::from_ref(buffer).addr());
    let acquire = |(buffer, exclusive): (&'a Buffer, bool)| {
        if exclusive {
            Guard::Exclusive(buffer.lock.write().unwrap_or_else(PoisonError::into_inner))
        } else {
            Guard::Shared(buffer.lock.read().unwrap_or_else(PoisonError::into_inner))
        }
    };
    wanted.into_iter().map(acquire).collect()
}
