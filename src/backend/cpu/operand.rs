//! Operands as the kernels take them: a pointer and a layout that stays inside the buffer.

use super::super::{self as backend, Operand, Source};
use super::blocks::{BLOCK, Section};
use super::memory::Buffer;
use super::scalar::Arithmetic;
use super::storage::Storage;
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::layout::Layout;

/// A tensor of this backend whose every element lies inside its buffer.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub buffer: &'a Buffer,
    pub layout: &'a Layout,
    pub dtype: DType,
}

impl<'a> View<'a> {
    /// The operand, if it is this backend's and its layout stays inside the buffer.
    pub fn new(op: &'static str, operand: Operand<'a>) -> Result<Self> {
        let Operand { buffer, layout, dtype } = operand;
        let buffer = cpu_buffer(op, buffer)?;
        let inside = layout.span().is_none_or(|(_, last)| last < buffer.len() / dtype.size());
        if !inside {
            return Err(Error::OutOfBounds {
                op,
                what: format!("offset {:?} of a buffer of {} bytes", layout.span(), buffer.len()),
                shape: layout.shape().to_vec(),
            });
        }
        Ok(Self { buffer, layout, dtype })
    }

    /// As [`View::new`], for an operand that may be missing.
    pub fn optional(op: &'static str, operand: Option<Operand<'a>>) -> Result<Option<Self>> {
        operand.map(|operand| Self::new(op, operand)).transpose()
    }

    pub fn shares_buffer(&self, other: &View) -> bool {
        std::ptr::eq(self.buffer, other.buffer)
    }
}

/// The buffer, if it is this backend's.
pub fn cpu_buffer<'a>(op: &'static str, buffer: &'a backend::Buffer) -> Result<&'a Buffer> {
    match buffer {
        backend::Buffer::Cpu(buffer) => Ok(buffer),
        #[allow(unreachable_patterns, reason = "there are other backends only with features")]
        _ => Err(Error::DeviceMismatch { op, lhs: "the CPU".into(), rhs: "another device".into() }),
    }
}

/// A source with a checked tensor.
#[derive(Clone, Copy)]
pub enum Argument<'a> {
    View(View<'a>),
    Scalar(crate::dtype::Scalar),
}

impl<'a> Argument<'a> {
    pub fn new(op: &'static str, source: Source<'a>) -> Result<Self> {
        Ok(match source {
            Source::Tensor(operand) => Argument::View(View::new(op, operand)?),
            Source::Scalar(scalar) => Argument::Scalar(scalar),
        })
    }

    pub fn view(&self) -> Option<View<'a>> {
        match *self {
            Argument::View(view) => Some(view),
            Argument::Scalar(_) => None,
        }
    }

    /// The layout for an output of layout `out`: a scalar is one element for all indices.
    pub fn layout(&self, out: &Layout) -> Layout {
        match self {
            Argument::View(view) => view.layout.clone(),
            Argument::Scalar(_) => Layout::from_parts(out.shape().into(), smallvec::smallvec![0; out.rank()], 0),
        }
    }
}

/// An input of a kernel that computes in `C`, whatever it is stored as.
pub enum Input<C> {
    Scalar(C),
    Memory {
        start: *const u8,
        gather: unsafe fn(*const u8, &Section, &mut [C]),
        /// Whether a run of it is a `&[C]` as it lies there.
        in_place: bool,
    },
}

// SAFETY: the pointer is used only while the operation holds the buffer's lock.
unsafe impl<C: Send> Send for Input<C> {}
// SAFETY: as above.
unsafe impl<C: Sync> Sync for Input<C> {}

impl<C: Copy + 'static> Input<C> {
    /// The elements of `view`, stored as `S`. `out` is the view that will be written: a buffer shared with it is always gathered.
    pub fn new<S: Storage<Compute = C>>(view: &View, out: &View) -> Self {
        unsafe fn gather<S: Storage>(start: *const u8, section: &Section, out: &mut [S::Compute]) {
            // SAFETY: the caller vouches for the section, counted in elements of `S` from `start`.
            unsafe { section.gather(start.cast::<S>(), out) }
        }
        let in_place = S::SAME && !view.shares_buffer(out);
        Input::Memory { start: view.buffer.start(), gather: gather::<S>, in_place }
    }

    pub fn from_argument<S: Storage<Compute = C>>(argument: &Argument, out: &View) -> Self
    where
        C: Arithmetic,
    {
        match argument {
            Argument::View(view) => Self::new::<S>(view, out),
            Argument::Scalar(scalar) => Input::Scalar(C::from_scalar(*scalar)),
        }
    }
}

impl<C: Arithmetic> Input<C> {
    /// The `bool` elements of `view`, as zeros and ones.
    pub fn flags(view: &View) -> Self {
        unsafe fn gather<C: Arithmetic>(start: *const u8, section: &Section, out: &mut [C]) {
            let mut bytes = [0; BLOCK];
            let bytes = &mut bytes[..section.len];
            // SAFETY: the caller vouches for the section, counted in bytes from `start`.
            unsafe { section.gather(start, bytes) };
            for (out, &byte) in out.iter_mut().zip(&*bytes) {
                *out = if byte != 0 { C::ONE } else { C::ZERO };
            }
        }
        Input::Memory { start: view.buffer.start(), gather: gather::<C>, in_place: false }
    }
}

impl<C: Copy + Default + 'static> Input<C> {
    /// The section's elements: in place where they lie so, else gathered into `stage`.
    ///
    /// # Safety
    /// The buffer must be locked, and the section's elements be inside it and written by no one while the slice lives.
    pub unsafe fn slice<'a>(&self, section: &Section, stage: &'a mut Vec<C>) -> &'a [C] {
        match *self {
            // Filled once: nothing else is ever put into a scalar's stage.
            Input::Scalar(value) => {
                if stage.len() < section.len {
                    stage.resize(section.len, value);
                }
                &stage[..section.len]
            }
            Input::Memory { start, gather, in_place } => match section.run() {
                // SAFETY: in place means that the buffer holds `C`s, and the section is this run of them.
                Some(offset) if in_place => unsafe {
                    std::slice::from_raw_parts(start.cast::<C>().offset(offset), section.len)
                },
                _ => {
                    if stage.len() < section.len {
                        stage.resize(section.len, C::default());
                    }
                    // SAFETY: the caller vouches for the section; the stage is memory of its own.
                    unsafe { gather(start, section, &mut stage[..section.len]) };
                    &stage[..section.len]
                }
            },
        }
    }
}

impl<C> Input<C> {
    /// Where the elements begin, if they can be used as they lie.
    pub fn in_place(&self) -> Option<*const C> {
        match *self {
            Input::Memory { start, in_place: true, .. } => Some(start.cast()),
            _ => None,
        }
    }

    /// Copies the section's elements to `out`.
    ///
    /// # Safety
    /// As for [`slice`](Self::slice), and none of the elements may lie in `out`.
    pub unsafe fn gather(&self, section: &Section, out: &mut [C])
    where
        C: Copy,
    {
        match *self {
            Input::Scalar(value) => out.fill(value),
            // SAFETY: the caller vouches for the section and for `out`.
            Input::Memory { start, gather, .. } => unsafe { gather(start, section, out) },
        }
    }
}

/// The output of a kernel that computes in `C`, whatever it is stored as.
pub struct Output<C> {
    start: *mut u8,
    scatter: unsafe fn(*mut u8, &Section, &[C]),
    in_place: bool,
}

// SAFETY: the pointer is used only while the operation holds the buffer's lock exclusively.
unsafe impl<C: Send> Send for Output<C> {}
// SAFETY: as above.
unsafe impl<C: Sync> Sync for Output<C> {}

impl<C: Copy + Default + 'static> Output<C> {
    pub fn new<S: Storage<Compute = C>>(view: &View) -> Self {
        unsafe fn scatter<S: Storage>(start: *mut u8, section: &Section, values: &[S::Compute]) {
            // SAFETY: the caller vouches for the section, counted in elements of `S` from `start`.
            unsafe { section.scatter(start.cast::<S>(), values) }
        }
        Self { start: view.buffer.start(), scatter: scatter::<S>, in_place: S::SAME }
    }

    /// Where the elements begin, as they are stored.
    pub fn start(&self) -> *mut u8 {
        self.start
    }

    /// Writes `values` to the section's elements.
    ///
    /// # Safety
    /// As for [`write`](Self::write), of `values`.
    pub unsafe fn put(&self, section: &Section, values: &[C]) {
        // SAFETY: the caller vouches for the section and for the values.
        unsafe { (self.scatter)(self.start, section, values) };
    }

    /// Lets `compute` write the section's elements: in place where they lie so, else into `stage`, from which they are scattered.
    ///
    /// # Safety
    /// The buffer must be locked exclusively, and the section's elements be inside it, distinct, accessed by no other thread
    /// meanwhile, and not lie in what `compute` reads.
    pub unsafe fn write(&self, section: &Section, stage: &mut Vec<C>, compute: impl FnOnce(&mut [C])) {
        match section.run() {
            // SAFETY: in place means that the buffer holds `C`s, and the section is this run of them.
            Some(offset) if self.in_place => {
                compute(unsafe { std::slice::from_raw_parts_mut(self.start.cast::<C>().offset(offset), section.len) })
            }
            _ => {
                if stage.len() < section.len {
                    stage.resize(section.len, C::default());
                }
                let stage = &mut stage[..section.len];
                compute(stage);
                // SAFETY: the caller vouches for the section; the stage is memory of its own.
                unsafe { (self.scatter)(self.start, section, stage) };
            }
        }
    }
}
